"""How a model is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from asyncllm.errors import ConfigurationError, InvalidParameter

from ._attention import Attention
from ._cores import MOST_THREADS
from ._devices import built, gpus, lacking, meant
from ._sharing import Sharing

_RANGES = {
    "context_size": (1, 2**24),
    "threads":      (1, MOST_THREADS),
    "gpu_layers":   (-1, 2**31 - 1),  # -1 is all
    "batch_size":   (1, 2**16),
    "max_sequences": (1, 256),
    "total_context": (1, 2**24),
    "max_waiting":  (0, 2**31 - 1),
}  # fmt: skip
"""What llama.cpp takes: it ends the process over more."""
_OPTIONAL = {"context_size", "total_context", "gpu_layers"}
"""What may be None."""
LAYERS = ("auto", "all")
"""What ``gpu_layers`` may be instead of a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a model is opened. Two that are equal share one engine; others may still share the weights."""

    context_size: int | None = None
    """How many tokens prompt and answer may take; None is what the model was trained with, or 8192 of it."""
    threads: int
    """How many threads compute."""
    gpu_layers: int | str | None = None
    """How many layers GPUs hold: "auto" is as many as fit, -1 or "all" is all; None, see :meth:`on`."""
    batch_size: int = 512
    """How many tokens of a prompt are read in one step."""
    max_sequences: int = 16
    """How many calls are computed at a time."""
    total_context: int | None = None
    """How many tokens all that is in the memory may take together; None is what there is memory for."""
    max_waiting: int = 10_000
    """How many calls may wait for their turn."""
    devices: tuple[str, ...] | None = None
    """The names of the GPUs that compute; none is the CPU alone, and None is whichever there are."""
    sharing: Sharing = field(default_factory=Sharing)
    """How several GPUs share the model."""
    attention: Attention = field(default_factory=Attention)
    """How the model attends to what it has read."""

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value, words = getattr(self, name), LAYERS if name == "gpu_layers" else ()
            if (value is None and name in _OPTIONAL) or (isinstance(value, str) and value in words):
                continue
            if type(value) is not int or not low <= value <= high:
                or_words = "".join(f", or {word!r}" for word in words)
                raise InvalidParameter(
                    f"{name} takes a whole number from {low} to {high}{or_words}; got {value!r}"
                )
        self._expect_gpus()

    @property
    def gpus(self) -> tuple[str, ...]:
        """The names of the GPUs that take part."""
        if self.devices is None:
            return meant("auto", gpus()) if self.gpu_layers else ()
        return self.devices

    def on(self, devices: Sequence[str] | None) -> Settings:
        """Return these settings with *devices*; to GPUs go as many layers as fit, where no number is set."""
        if devices is None and not self.gpu_layers and self.sharing.given:
            raise InvalidParameter(
                f"{self.sharing.given}: says how GPUs share a model, and none is asked for; "
                f"give device= or gpu_layers="
            )
        # Where there is no GPU, the CPU is what it is in any case: not another model in memory.
        if devices is None or (not devices and not gpus()):
            return self
        wanted = "auto" if self.gpu_layers is None else self.gpu_layers
        return replace(self, devices=tuple(devices), gpu_layers=wanted if devices else 0)

    def _expect_gpus(self) -> None:
        """Raise where what is asked of GPUs cannot be: there is none, or they are too few."""
        needs = [f"gpu_layers={self.gpu_layers!r}"] if self.gpu_layers not in {None, 0, "auto"} else []
        needs += [self.sharing.given] if self.sharing.given else []
        if needs and self.devices is None and not gpus():
            raise ConfigurationError(f"{', '.join(needs)} asks for a GPU, and {lacking('gpu', (), built())}")
        if self.gpus:
            self.sharing.expect(self.gpus)
