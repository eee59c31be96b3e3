"""
Whether a file is a GGUF model, all of it.

llama.cpp can end the process over a file that is not, so it is asked only about
files that passed here. The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import BinaryIO

from asyncllm.errors import InvalidModelFile

from ._native import block
from ._reader import AGAIN, Reader

MAGIC = b"GGUF"
VERSIONS = (2, 3)

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""How many bytes each plain type of metadata takes."""
_UINT32, _FLOAT32, _STRING, _ARRAY = 4, 6, 8, 9

_ALIGNMENT = "general.alignment"
_LAYERS, _EPSILON = ".block_count", "epsilon"
_MOST_LAYERS = 512

# No real header comes near these; a hostile one must not keep us busy.
_MOST_ENTRIES = 2**17
_MOST_STRINGS = 2**23
_MOST_DIMENSIONS = 4


def check(path: Path) -> None:
    """
    Look through the header in *path*, and whether the weights that it announces are all there.

    Raises:
        InvalidModelFile: The message says what is wrong, and what to do.
    """
    try:
        with path.open("rb") as file:
            _check(path, file)
    except FileNotFoundError:
        raise InvalidModelFile(f"there is no file {path}") from None
    except IsADirectoryError:
        raise InvalidModelFile(f"{path} is a directory; name the .gguf file in it") from None
    except OSError as exc:
        raise InvalidModelFile(f"cannot read {path}: {exc.strerror or exc}") from exc


def _check(path: Path, file: BinaryIO) -> None:
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

    alignment = _Metadata(reader).alignment(entries)
    _check_tensors(reader, tensors, alignment)


class _Metadata:
    """The entries between the header's beginning and its tensors; one of them matters here."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._strings = 0

    def alignment(self, entries: int) -> int:
        """Pass over *entries*; return the one that says to what multiple the weights are aligned."""
        self._reader.part = "metadata"
        alignment = 32
        for _ in range(entries):
            name, kind = self._reader.name(), self._reader.number("I")
            if kind == _UINT32 and name == _ALIGNMENT:
                alignment = self._reader.number("I")
            elif kind == _UINT32 and name.endswith(_LAYERS):
                self._expect(name, self._reader.number("I"), 1, _MOST_LAYERS)
            elif kind == _FLOAT32 and name.endswith(_EPSILON):
                self._expect(name, self._reader.real(), 0, 1)
            else:
                self._skip(kind)
        if alignment < 1 or alignment & (alignment - 1):
            raise self._reader.damaged(f"its alignment, {alignment}, is no power of two")

        return alignment

    def _expect(self, name: str, value: float, low: int, high: int) -> None:
        """llama.cpp ends the process over these where they cannot be; over others it just complains."""
        if not low <= value <= high:
            raise self._reader.damaged(f"its {name} is {value}")

    def _skip(self, kind: int) -> None:
        count = 1
        if kind == _ARRAY:
            kind, count = self._reader.number("I"), self._reader.number("Q")
        if kind == _STRING:
            self._skip_strings(count)
        elif kind in _SIZES:
            self._reader.skip(count * _SIZES[kind])
        else:
            raise self._reader.damaged(f"its metadata has a value of an unknown type, {kind}")

    def _skip_strings(self, count: int) -> None:
        self._strings += count
        if self._strings > _MOST_STRINGS:
            raise self._reader.damaged(f"its metadata announces {self._strings} texts")

        for _ in range(count):
            self._reader.skip(self._reader.number("Q"))


def _check_tensors(reader: Reader, count: int, alignment: int) -> None:
    reader.part = "list of tensors"
    ends = [_tensor(reader, alignment) for _ in range(count)]
    begin = math.ceil(reader.position / alignment) * alignment
    for name, end in ends:
        if begin + end > reader.size:
            reader.part = f"weights ({name!r} goes up to byte {begin + end})"
            raise reader.cut_off()


def _tensor(reader: Reader, alignment: int) -> tuple[str, int]:
    """Read what is said of a tensor; return its name, and where it ends within the weights."""
    name = reader.name()
    if (dimensions := reader.number("I")) > _MOST_DIMENSIONS:
        raise reader.damaged(f"its tensor {name!r} has {dimensions} dimensions")

    shape = [reader.number("Q") for _ in range(dimensions)]
    kind, offset = reader.number("I"), reader.number("Q")
    if (found := block(kind)) is None:
        raise reader.damaged(f"its tensor {name!r} has the type {kind}, which this llama.cpp lacks")

    weights, size = found
    if (shape and shape[0] % weights) or offset % alignment:
        raise reader.damaged(f"its tensor {name!r} of shape {shape} cannot begin at {offset}")

    return name, offset + math.prod(shape) // weights * size
