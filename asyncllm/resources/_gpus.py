"""What NVIDIA's management library tells of the GPUs."""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class GPU:
    """A GPU; None is what its driver does not tell."""

    name: str
    """What its maker calls it."""
    memory: float | None
    """Bytes of its memory that are in use, by whomever."""
    memory_total: float | None
    """Bytes of memory that it has."""
    memory_own: float | None
    """Bytes of its memory that this process uses; in a container this is often unknown."""
    load: float | None
    """Percent of the driver's last measuring period (a second or less) in which it computed."""


class NVML(Protocol):
    """What is asked of the module ``pynvml``."""

    @property
    def NVMLError(self) -> type[Exception]: ...  # noqa: N802  the module's name for it

    def nvmlInit(self) -> None: ...  # noqa: N802
    def nvmlDeviceGetCount(self) -> int: ...  # noqa: N802
    def nvmlDeviceGetHandleByIndex(self, index: int, /) -> Any: ...  # noqa: N802
    def nvmlDeviceGetName(self, handle: Any, /) -> str: ...  # noqa: N802
    def nvmlDeviceGetMemoryInfo(self, handle: Any, /) -> Any: ...  # noqa: N802
    def nvmlDeviceGetUtilizationRates(self, handle: Any, /) -> Any: ...  # noqa: N802
    def nvmlDeviceGetComputeRunningProcesses(self, handle: Any, /) -> Sequence[Any]: ...  # noqa: N802
    def nvmlDeviceGetGraphicsRunningProcesses(self, handle: Any, /) -> Sequence[Any]: ...  # noqa: N802


class GPUs:
    """
    The GPUs that *library* knows; none where there is no library, or no driver for it.

    They are looked for once; nothing here is an error.
    """

    def __init__(self, library: NVML | None) -> None:
        self._devices = [] if library is None else _found(library)

    def now(self) -> tuple[GPU, ...]:
        """Return what they do at the moment."""
        return tuple(device.now() for device in self._devices)


def gpus() -> GPUs:
    """Return the GPUs of this machine, through the module ``pynvml`` of the ``nvml`` extra."""
    return _gpus(os.getpid())


@functools.cache
def _gpus(process: int) -> GPUs:  # noqa: ARG001  what it is cached by
    # By the process: a forked child has to speak to the driver for itself.
    try:
        library = importlib.import_module("pynvml")
    except ImportError:
        return GPUs(None)
    return GPUs(cast("NVML", library))


class _Device:
    """One GPU and the library that knows it."""

    def __init__(self, library: NVML, index: int) -> None:
        self._library = library
        self._handle: Any = index
        # One that is lost has no handle, and the others stay what they are.
        self._handle = self._told(library.nvmlDeviceGetHandleByIndex)
        self._name = self._told(library.nvmlDeviceGetName) or f"GPU {index}"

    def now(self) -> GPU:
        library = self._library
        memory = self._told(library.nvmlDeviceGetMemoryInfo)
        rates = self._told(library.nvmlDeviceGetUtilizationRates)
        return GPU(
            name=self._name,
            memory=None if memory is None else memory.used,
            memory_total=None if memory is None else memory.total,
            memory_own=self._own(),
            load=None if rates is None else rates.gpu,
        )

    def _own(self) -> int | None:
        """A process that both computes and draws is on both lists, with all its memory on each."""
        library = self._library
        lists = (library.nvmlDeviceGetComputeRunningProcesses, library.nvmlDeviceGetGraphicsRunningProcesses)
        used: list[int | None] = [
            process.usedGpuMemory
            for ask in lists
            for process in self._told(ask) or ()
            if process.pid == os.getpid()
        ]
        return max((each for each in used if each is not None), default=None)

    def _told(self, ask: Callable[[Any], T]) -> T | None:
        """Return the answer; None where this device, or its driver, has none."""
        if self._handle is None:
            return None
        try:
            return ask(self._handle)
        except self._library.NVMLError:
            return None


def _found(library: NVML) -> list[_Device]:
    try:
        library.nvmlInit()
        return [_Device(library, index) for index in range(library.nvmlDeviceGetCount())]
    except library.NVMLError:
        return []
