"""Which GPUs llama.cpp can compute on, and which of them are meant."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from ._native import ggml

_REBUILD = (
    'rebuild it: CMAKE_ARGS="-DGGML_{}=on" pip install --force-reinstall '
    "--no-cache-dir --no-binary llama-cpp-python llama-cpp-python"
)

INSTALL = (
    f"for NVIDIA, {_REBUILD.format('CUDA')} "
    "(-DGGML_VULKAN=on for Vulkan, -DGGML_METAL=on for Apple, -DGGML_HIP=on for AMD, "
    "-DGGML_SYCL=on for Intel)"
)
"""How llama.cpp comes to know a GPU."""

_BACKENDS = {
    "cuda":   "CUDA",
    "rocm":   "ROCm",
    "metal":  "MTL",
    "mps":    "MTL",
    "vulkan": "Vulkan",
    "sycl":   "SYCL",
    "xpu":    "SYCL",
}  # fmt: skip
"""The part of llama.cpp behind each kind of device; "gpu" is whichever there is."""

_FLAGS = {"ROCm": "HIP", "MTL": "METAL", "Vulkan": "VULKAN"}
"""What a part is called where llama.cpp is built, if not by its own name."""

_GPU, _INTEGRATED = 1, 2

_count = ggml("ggml_backend_dev_count", ctypes.c_size_t)
_get = ggml("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
_find = ggml("ggml_backend_dev_by_name", ctypes.c_void_p, ctypes.c_char_p)
_name = ggml("ggml_backend_dev_name", ctypes.c_char_p, ctypes.c_void_p)
_type = ggml("ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p)
_description = ggml("ggml_backend_dev_description", ctypes.c_char_p, ctypes.c_void_p)
_memory = ggml("ggml_backend_dev_memory", None, ctypes.c_void_p, *2 * [ctypes.POINTER(ctypes.c_size_t)])
_backend = ggml("ggml_backend_dev_backend_reg", ctypes.c_void_p, ctypes.c_void_p)
_backend_name = ggml("ggml_backend_reg_name", ctypes.c_char_p, ctypes.c_void_p)
_backend_count = ggml("ggml_backend_reg_count", ctypes.c_size_t)
_backend_at = ggml("ggml_backend_reg_get", ctypes.c_void_p, ctypes.c_size_t)


@dataclass(frozen=True, slots=True)
class GPU:
    """A device that llama.cpp can compute on besides the CPU."""

    name: str
    """As in ``"CUDA0"``."""
    backend: str
    """As in ``"CUDA"``."""
    is_integrated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device as it is now, the CPU among them."""

    name: str
    description: str
    """What its maker calls it."""
    free: int
    """Bytes of its memory that nobody uses; zero of zero where it does not tell."""
    total: int
    """Bytes of its memory."""


def devices() -> tuple[Device, ...]:
    """Return all that llama.cpp can compute on, with their memory now."""
    return tuple(_device(_get(at)) for at in range(_count()))


def named(name: str) -> Device:
    """Return the device that llama.cpp calls *name*, with its memory now."""
    return _device(_find(name.encode()))


def _device(device: int) -> Device:
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    _memory(device, ctypes.byref(free), ctypes.byref(total))
    return Device(
        name=_name(device).decode(),
        description=_description(device).decode(errors="replace"),
        free=free.value,
        total=total.value,
    )


def gpus() -> tuple[GPU, ...]:
    """Return the GPUs that llama.cpp is built for and that are there."""
    found = [_get(at) for at in range(_count())]
    return tuple(
        GPU(_name(device).decode(), _backend_name(_backend(device)).decode(), _type(device) == _INTEGRATED)
        for device in found
        if _type(device) in {_GPU, _INTEGRATED}
    )


def built() -> frozenset[str]:
    """Return the kinds of GPU that llama.cpp is built for, there or not, as in ``"CUDA"``."""
    names = (_backend_name(_backend_at(at)).decode() for at in range(_backend_count()))
    return frozenset(names) & frozenset(_BACKENDS.values())


def meant(device: str, there: Sequence[GPU]) -> tuple[str, ...]:
    """
    Return the names of the GPUs that *device* stands for; none is the CPU.

    Args:
        device: As in ``"cpu"``, ``"auto"``, ``"gpu"`` or ``"cuda:1"``.

        there: The GPUs that there are.
    """
    if device == "cpu":
        return ()

    kind, _, number = device.partition(":")
    fitting = tuple(gpu.name for gpu in _of_kind(kind, there))
    return fitting[int(number) :][:1] if number else fitting


def lacking(device: str, there: Sequence[GPU], backends: AbstractSet[str]) -> str:
    """
    Say why none of the GPUs *there* is *device*, and what gives one.

    Args:
        device: As in ``"gpu"`` or ``"cuda:1"``.

        there: The GPUs that there are.

        backends: What llama.cpp is built for.
    """
    kind = device.partition(":")[0]
    backend = _BACKENDS.get(kind)
    if backends if backend is None else backend in backends:
        names = ", ".join(gpu.name for gpu in there) or "no GPU"
        return f"llama.cpp is built for {backend or 'GPUs'}, and sees {names} here"
    if backend is None:
        return f"the installed llama.cpp is built without GPUs; {INSTALL}"

    rebuild = _REBUILD.format(_FLAGS.get(backend, backend))
    return f"the installed llama.cpp is built without {kind}; {rebuild}"


def choose(params: Any, names: Sequence[str]) -> object:
    """
    Write the devices of these *names* into llama.cpp's *params* for a model.

    Return what must live until the model is loaded.
    """
    found = (_find(name.encode()) for name in names)
    pointers = (ctypes.c_void_p * (len(names) + 1))(*found, None)  # Nothing behind the last is their end.
    params.devices = ctypes.addressof(pointers)
    return pointers


def _of_kind(kind: str, there: Sequence[GPU]) -> Sequence[GPU]:
    if kind in _BACKENDS:
        return [gpu for gpu in there if gpu.backend == _BACKENDS[kind]]
    # One that is part of the processor computes no faster beside a real one.
    return [gpu for gpu in there if not gpu.is_integrated] or there
