"""
Whether a file is a GGUF model, all of it.

llama.cpp can end the process over a file that is not, so it is asked only about
files that passed here. The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from asyncllm.errors import InvalidModelFile

from ._metadata import Metadata
from ._native import block
from ._reader import AGAIN, Reader

MAGIC = b"GGUF"
VERSIONS = (2, 3)

# No real header comes near these; a hostile one must not keep us busy.
_MOST_ENTRIES = 2**17
_MOST_DIMENSIONS = 4

_F32 = 0
_NO_WEIGHTS = {9, 15, 24, 25, 27, 28}
"""Types with which llama.cpp cannot multiply: those of its own scratch space, and plain numbers."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """Some of the weights."""

    name: str
    size: int
    """In bytes."""


def check(path: Path) -> tuple[Tensor, ...]:
    """
    Look through the header in *path*, and whether the weights that it announces are all there: return them.

    Raises:
        InvalidModelFile: The message says what is wrong, and what to do.
    """
    try:
        _expect_file(path)
        with path.open("rb") as file:
            return _check(path, file)
    except FileNotFoundError:
        raise InvalidModelFile(f"there is no file {path}") from None
    except OSError as exc:
        raise InvalidModelFile(f"cannot read {path}: {exc.strerror or exc}") from exc


def _expect_file(path: Path) -> None:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise InvalidModelFile(f"{path} is a directory; name the .gguf file in it")
    if not stat.S_ISREG(mode):  # To open a pipe would wait for whoever writes to it.
        raise InvalidModelFile(f"{path} is a pipe or a device, and no file")


def _check(path: Path, file: BinaryIO) -> tuple[Tensor, ...]:
    reader = Reader(path, file)
    if reader.size == 0:
        raise InvalidModelFile(f"{path} is empty; {AGAIN}")
    if (magic := file.read(len(MAGIC))) != MAGIC:
        raise InvalidModelFile(
            f"{path} is not a GGUF file: it begins with {magic!r}; "
            f"take a .gguf file, or convert the model with llama.cpp's convert_hf_to_gguf.py"
        )
    if (version := reader.number("I")) not in VERSIONS:
        raise reader.damaged(f"it has GGUF version {version:#x}, and {VERSIONS} are known")
    tensors, entries = reader.number("Q"), reader.number("Q")
    if max(tensors, entries) > _MOST_ENTRIES:
        raise reader.damaged(f"it announces {tensors} tensors and {entries} entries of metadata")

    alignment = Metadata(reader).alignment(entries)
    return _tensors(reader, tensors, alignment)


def _tensors(reader: Reader, count: int, alignment: int) -> tuple[Tensor, ...]:
    reader.part = "list of tensors"
    found = [_tensor(reader, alignment) for _ in range(count)]
    begin = math.ceil(reader.position / alignment) * alignment
    for tensor, offset in found:
        if (end := begin + offset + tensor.size) > reader.size:
            reader.part = f"weights ({tensor.name!r} goes up to byte {end})"
            raise reader.cut_off()
    return tuple(tensor for tensor, _ in found)


def _tensor(reader: Reader, alignment: int) -> tuple[Tensor, int]:
    """Read what is said of a tensor; return it, and where it begins within the weights."""
    name = reader.name()
    if (dimensions := reader.number("I")) > _MOST_DIMENSIONS:
        raise reader.damaged(f"its tensor {name!r} has {dimensions} dimensions")

    shape = [reader.number("Q") for _ in range(dimensions)]
    kind, offset = reader.number("I"), reader.number("Q")
    if (found := block(kind)) is None or kind in _NO_WEIGHTS:
        raise reader.damaged(f"its tensor {name!r} has the type {kind}, which this llama.cpp lacks")
    if kind != _F32 and (dimensions == 1 or name.endswith("_norm.weight")):
        raise reader.damaged(f"its tensor {name!r} has the type {kind}, and vectors are never packed")

    weights, size = found
    if (shape and shape[0] % weights) or offset % alignment:
        raise reader.damaged(f"its tensor {name!r} of shape {shape} cannot begin at {offset}")

    return Tensor(name, math.prod(shape) // weights * size), offset
