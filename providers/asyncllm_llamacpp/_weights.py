"""A model's weights in memory."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from asyncllm.errors import InvalidModelFile

from ._devices import pointers
from ._native import complaints, llama

_BYTES = 2
"""A number in the memory takes half precision."""


@contextmanager
def weights(
    path: Path, *, gpu_layers: int, devices: Sequence[str] | None, keep_going: Callable[[], bool]
) -> Generator[int]:
    """
    Load the weights in *path*, and free them in the end; gives llama.cpp's handle.

    Args:
        path: A file that is known to be sound: llama.cpp may crash over others.

        gpu_layers: How many layers go to the GPU; -1 is all.

        devices: The GPUs that take part; None leaves the choice to llama.cpp.

        keep_going: Asked while it loads; where it says no, loading is broken off.
    """
    complaints()
    params = llama.llama_model_default_params()
    params.n_gpu_layers = gpu_layers
    named = None if devices is None else pointers(devices)  # Kept alive until the model is loaded.
    params.devices = None if named is None else ctypes.addressof(named)
    going = llama.llama_progress_callback(_asking(keep_going))  # Kept alive until the model is loaded.
    params.progress_callback = going
    model = llama.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        raise InvalidModelFile(f"llama.cpp cannot load {path}: {complaints()}")

    try:
        _check(model, path)
        yield model
    finally:
        llama.llama_model_free(model)


def trained_context(model: int) -> int:
    """Return how many tokens of context the model was trained with."""
    size: int = llama.llama_model_n_ctx_train(model)
    return size


def copies_whole(model: int) -> bool:
    """Return whether the model's memory is one state, which cannot be cut: as of Mamba and its like."""
    return bool(llama.llama_model_is_recurrent(model) or llama.llama_model_is_hybrid(model))


def bytes_per_cell(model: int) -> int:
    """Return how much memory a token of context takes, as far as the model's file says."""
    heads: int = llama.llama_model_n_head_kv(model)
    each = llama.llama_model_n_embd(model) // max(llama.llama_model_n_head(model), 1)
    architecture = _said(model, "general.architecture")
    width = sum(
        int(_said(model, f"{architecture}.attention.{part}_length") or each) for part in ("key", "value")
    )
    size: int = llama.llama_model_n_layer(model) * heads * width * _BYTES
    return size


def _said(model: int, name: str) -> str:
    """Return what the model's file says of *name*; nothing where it does not."""
    room = ctypes.create_string_buffer(128)
    length: int = llama.llama_model_meta_val_str(model, name.encode(), room, len(room))
    return room.value.decode(errors="replace") if length > 0 else ""


def _asking(keep_going: Callable[[], bool]) -> Callable[[float, object], bool]:
    def going(_progress: float, _data: object) -> bool:
        return keep_going()

    return going


def _check(model: int, path: Path) -> None:
    if llama.llama_model_has_encoder(model) or not llama.llama_model_has_decoder(model):
        raise InvalidModelFile(
            f"the model in {path} does not continue a text (it is an encoder, as for embeddings or "
            f"translation); take a decoder-only language model"
        )
    if llama.llama_vocab_type(llama.llama_model_get_vocab(model)) == llama.LLAMA_VOCAB_TYPE_NONE:
        raise InvalidModelFile(f"the model in {path} has no vocabulary, so no text can be put to it")
