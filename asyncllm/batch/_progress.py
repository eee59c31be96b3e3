"""How far a batch has come."""

from __future__ import annotations

from dataclasses import dataclass, field

from asyncllm._metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a batch has come; a snapshot that does not change any more."""

    done: int = 0
    """How many tasks were answered, those that a journal had among them."""
    failed: int = 0
    """How many ended in an error."""
    restored: int = 0
    """How many of the two a journal had already."""
    running: int = 0
    """How many are under way."""
    waiting: int = 0
    """How many requests of those wait until the limits let them through."""
    total: int | None = None
    """How many tasks there are, where that is known."""
    seconds: float = 0.0
    """How long it has taken so far."""
    metrics: Metrics = field(default_factory=Metrics)
    """What the answers took: tokens, times, and their :meth:`~Metrics.cost`."""

    @property
    def ended(self) -> int:
        """How many tasks have ended, in whatever way."""
        return self.done + self.failed

    @property
    def per_second(self) -> float:
        """How many tasks ended in a second, those aside that a journal had."""
        return (self.ended - self.restored) / self.seconds if self.seconds > 0 else 0.0

    @property
    def tokens_per_second(self) -> float:
        """How many tokens of answers came in a second, of all calls together."""
        return self.metrics.usage.output_tokens / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long the rest would take at this speed, where that is known."""
        if self.total is None or not self.per_second:
            return None
        return max(self.total - self.ended, 0) / self.per_second
