"""The seam to llama.cpp: its binding, and what the binding lacks."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import llama_cpp
import llama_cpp._ctypes_extensions as extensions
import llama_cpp.llama_cpp as binding

llama: Any = binding
"""llama.cpp's C functions. The binding is typed in part only, so this is where ``Any`` begins."""

version: str = llama_cpp.__version__
"""The binding's, and so llama.cpp's that came with it."""

libc = ctypes.CDLL("msvcrt" if hasattr(ctypes, "WinDLL") else None)
# The binding keeps the library itself to itself; three things are only to be had from there.
_library: Any = llama._lib  # noqa: SLF001
_without_release = ctypes.PyDLL(_library._name)  # noqa: SLF001


def ggml(name: str, returns: Any, *takes: Any) -> Callable[..., Any]:
    """Return ggml's C function *name*: the binding has none of them."""
    for part in ("ggml-base", "ggml"):
        library: Any = (
            _library if hasattr(_library, name) else extensions.load_shared_library(part, llama._base_path)  # noqa: SLF001
        )
        if hasattr(library, name):
            break
    function: Any = getattr(library, name)
    function.argtypes, function.restype = list(takes), returns
    call: Callable[..., Any] = function
    return call


_block_size = ggml("ggml_blck_size", ctypes.c_int64, ctypes.c_int)
_type_size = ggml("ggml_type_size", ctypes.c_size_t, ctypes.c_int)


def quick(name: str) -> Callable[..., Any]:
    """
    Return the C function *name* in a form that keeps the GIL.

    For calls of a microsecond: to give the GIL up and to wait for it again would
    cost up to 5 ms each while another thread computes in Python.
    """
    described: Any = getattr(_library, name)
    function: Any = getattr(_without_release, name)
    function.argtypes, function.restype = described.argtypes, described.restype
    call: Callable[..., Any] = function
    return call


def block(kind: int) -> tuple[int, int] | None:
    """Return how many weights of the ggml type *kind* make a block, of how many bytes; None if unknown."""
    if not 0 <= kind < llama.GGML_TYPE_COUNT:  # ggml ends the process over a type that it does not know.
        return None

    weights, size = _block_size(kind), _type_size(kind)
    return (weights, size) if weights and size else None


_INFO, _WARNING, _ERROR = 2, 3, 4  # As in ggml.h; the binding lists the levels of an older one.
_heard = threading.local()


def _listen(level: int, text: bytes, _: object) -> None:
    if level in {_INFO, _WARNING} and (told := getattr(_heard, "told", None)) is not None:
        told.append(text.decode(errors="replace").strip())
    if level == _ERROR:
        _heard.lines = [*getattr(_heard, "lines", ()), text.decode(errors="replace").strip()][-3:]


def complaints() -> str:
    """Return the errors that llama.cpp logged last in this thread, and forget them."""
    lines: list[str] = getattr(_heard, "lines", [])
    _heard.lines = []
    return "; ".join(lines) or "it does not say why"


@contextmanager
def overheard() -> Generator[list[str]]:
    """Give the lines, no errors, that llama.cpp logs meanwhile in this thread."""
    lines: list[str] = []
    _heard.told = lines
    try:
        yield lines
    finally:
        _heard.told = None


# llama.cpp writes hundreds of lines to stderr otherwise. The name keeps the callback alive.
_listener: Any = llama.llama_log_callback(_listen)
llama.llama_log_set(_listener, None)
llama.llama_backend_init()
