"""A model's weights in memory."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asyncllm.errors import InvalidModelFile

from ._attention import Heads
from ._devices import choose
from ._native import complaints, llama


@contextmanager
def weights(path: Path, *, fill: Callable[[Any], object], keep_going: Callable[[], bool]) -> Generator[int]:
    """
    Load the weights in *path*, and free them in the end; gives llama.cpp's handle.

    Args:
        path: A file that is known to be sound: llama.cpp may crash over others.

        fill: Says in llama.cpp's parameters what goes where; what it returns lives until the model is loaded.

        keep_going: Asked while it loads; where it says no, loading is broken off.
    """
    complaints()
    params = llama.llama_model_default_params()
    kept = fill(params)
    going = llama.llama_progress_callback(_asking(keep_going))  # Kept alive until the model is loaded.
    params.progress_callback = going
    model = llama.llama_model_load_from_file(os.fsencode(path), params)
    del kept
    if not model:
        raise InvalidModelFile(f"llama.cpp cannot load {path}: {complaints()}")

    try:
        _check(model, path)
        yield model
    finally:
        llama.llama_model_free(model)


@contextmanager
def blueprint(path: Path, *, keep_going: Callable[[], bool]) -> Generator[int]:
    """Open the model in *path* without its weights: only to ask what it is like."""

    def fill(params: Any) -> object:
        params.no_alloc = True
        params.load_mode = llama.LLAMA_LOAD_MODE_NONE  # llama.cpp ends the process over another.
        params.n_gpu_layers = 0
        return choose(params, ())

    with weights(path, fill=fill, keep_going=keep_going) as model:
        yield model


def trained_context(model: int) -> int:
    """Return how many tokens of context the model was trained with."""
    size: int = llama.llama_model_n_ctx_train(model)
    return size


def copies_whole(model: int) -> bool:
    """Return whether the model's memory is one state, which cannot be cut: as of Mamba and its like."""
    return bool(llama.llama_model_is_recurrent(model) or llama.llama_model_is_hybrid(model))


def keeps_all(model: int) -> bool:
    """Return whether each layer keeps something of every token: no state instead, and no window."""
    return not (copies_whole(model) or llama.llama_model_n_swa(model))


def layers(model: int) -> int:
    """Return how many layers the model has, its output not counted."""
    count: int = llama.llama_model_n_layer(model)
    return count


def heads(model: int) -> Heads:
    """
    Return what a layer keeps of each token, as far as the model's file says: rather too much than too little.

    llama.cpp tells how many heads keep keys in the first layer alone. Where that is
    none, as in a hybrid that begins with a state, it is taken to be all there are.
    """
    each = llama.llama_model_n_embd(model) // max(llama.llama_model_n_head(model), 1)
    architecture = _said(model, "general.architecture")
    key, value = (
        int(_said(model, f"{architecture}.attention.{part}_length") or each) for part in ("key", "value")
    )
    count = llama.llama_model_n_head_kv(model) or llama.llama_model_n_head(model)
    return Heads(count, key, value)


def shape(model: int) -> dict[str, int]:
    """Return what says how much a step of the model computes."""
    return {
        "width": llama.llama_model_n_embd(model),
        "heads": llama.llama_model_n_head(model),
        "vocabulary": llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model)),
    }


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
