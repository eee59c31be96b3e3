"""The report on a checkpoint that was loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from asyncllm._metrics import Metrics
from asyncllm._types import Adjustment
from asyncllm.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a checkpoint brought, and what differs; ``print(restored)`` shows it."""

    path: Path
    saved: datetime
    """When it was saved."""
    model_name: str
    """The model that it was saved with."""
    parameters: Mapping[str, Any]
    """What is set now, by canonical name."""
    turns: int
    """How many messages the history holds now."""
    differs: Mapping[str, tuple[Any, Any]]
    """
    What was otherwise, and stays as it is here: as saved, and as it is.

    That is the model's name, ``like``, the names of ``rules``, and the provider's settings.
    """
    adjustments: tuple[Adjustment, ...]
    """What this model does not take as asked, as a response would report it."""
    refusal: ConfigurationError | None
    """The error that a call would raise now, where this model cannot be asked so."""
    left_out: tuple[str, ...]
    """What was not saved: what may be a key, and what is no text or number."""
    metrics: Metrics | None
    """The metrics as they were saved; those of this LLM go on."""
    kv_state: str | None = None
    """What came of the state beside it: ``"taken up"``, or why it was not; None where there was none."""

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        names = ", ".join(self.parameters) or "none"
        yield f"{str(self.path)!r}: saved {self.saved:%Y-%m-%d %H:%M:%S %Z} with {self.model_name!r}"
        yield f"parameters: {names}; messages: {self.turns}"
        yield from (f"differs: {what}: {old!r} -> {new!r}" for what, (old, new) in self.differs.items())
        yield from map(str, self.adjustments)
        yield from (f"not saved: {what}" for what in self.left_out)
        if self.kv_state is not None:
            yield f"KV state: {self.kv_state}"
        if self.refusal is not None:
            yield f"refused: {self.refusal}"
