"""How a model is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from asyncllm.errors import ConfigurationError, InvalidParameter

from ._cores import MOST_THREADS
from ._devices import INSTALL, gpus
from ._native import llama

_RANGES = {
    "context_size": (1, 2**24),
    "threads":      (1, MOST_THREADS),
    "gpu_layers":   (-1, 2**31 - 1),
    "batch_size":   (1, 2**16),
    "max_sequences": (1, 256),
    "total_context": (1, 2**24),
    "max_waiting":  (0, 2**31 - 1),
}  # fmt: skip
"""What llama.cpp takes: it ends the process over more."""
_OPTIONAL = {"context_size", "total_context"}
"""What may be None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a model is opened. Two that are equal share one model in memory."""

    context_size: int | None = None
    """How many tokens prompt and answer may take; None is what the model was trained with, or 8192 of it."""
    threads: int
    """How many threads compute."""
    gpu_layers: int = 0
    """How many layers the GPU holds; -1 is all."""
    batch_size: int = 512
    """How many tokens of a prompt are read in one step."""
    max_sequences: int = 16
    """How many calls are computed at a time."""
    total_context: int | None = None
    """How many tokens all that is in the memory may take together; None is what there is memory for."""
    max_waiting: int = 10_000
    """How many calls may wait for their turn."""
    devices: tuple[str, ...] | None = None
    """The names of the GPUs that compute; none is the CPU alone, and None as llama.cpp has it."""

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is None and name in _OPTIONAL:
                continue
            if type(value) is not int or not low <= value <= high:
                raise InvalidParameter(f"{name} takes a whole number from {low} to {high}; got {value!r}")
        if self.gpu_layers and self.devices is None and not llama.llama_supports_gpu_offload():
            raise ConfigurationError(
                f"gpu_layers={self.gpu_layers} asks for a GPU, and the installed llama.cpp is built without; "
                f"{INSTALL}"
            )

    def on(self, devices: Sequence[str] | None) -> Settings:
        """Return these settings with *devices*; all layers go to GPUs that no number of layers is set for."""
        # Where there is no GPU, the CPU is what it is in any case: not another model in memory.
        if devices is None or (not devices and not gpus()):
            return self
        return replace(self, devices=tuple(devices), gpu_layers=(self.gpu_layers or -1) if devices else 0)
