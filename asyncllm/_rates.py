"""How fast answers come, where their times tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ._figures import count, read, seconds
from ._types import Response, Timing, Usage

AT_ONCE = 20_000
"""Tokens a second that no model reaches: an answer so fast came in one piece, and tells no rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many tokens in so many seconds."""

    tokens: int = 0
    seconds: float = 0.0

    @property
    def per_second(self) -> float | None:
        """Tokens a second; None where nothing is known."""
        return self.tokens / self.seconds if self.seconds > 0 else None

    @classmethod
    def sum(cls, parts: Iterable[Rate]) -> Rate:
        """Return all of *parts* in one."""
        every = tuple(parts)
        return cls(tokens=sum([each.tokens for each in every]), seconds=sum([each.seconds for each in every]))

    @classmethod
    def from_dict(cls, given: Any) -> Rate:
        """
        Return what ``dataclasses.asdict`` said.

        Raises:
            InvalidParameter: It is damaged.
        """
        return read(cls, given, {"tokens": count, "seconds": seconds})

    def __add__(self, other: Rate) -> Rate:
        return Rate.sum((self, other))

    def __str__(self) -> str:
        return "unknown" if self.per_second is None else f"{self.per_second:,.1f} tokens/s"


def rates(response: Response, usage: Usage, timing: Timing) -> dict[str, Rate]:
    """Return what the times of a whole answer tell, by the names that metrics have for it."""
    whole = Rate(tokens=usage.output_tokens, seconds=timing.waited)
    first = timing.first_token
    return {
        "speed":   whole if timing.tells_rate() else Rate(),
        "prefill": _prefill(response, usage, first),
        "decode":  Rate() if first is None else _decode(response, usage, timing, first),
    }  # fmt: skip


def _prefill(response: Response, usage: Usage, first: float | None) -> Rate:
    tokens = usage.input_tokens - usage.cached_tokens
    if not first or tokens < 1 or usage.reasoning_tokens or response.attempts > 1 or response.choices[1:]:
        return Rate()

    return Rate(tokens=tokens, seconds=first)


def _decode(response: Response, usage: Usage, timing: Timing, first: float) -> Rate:
    written = usage.output_tokens - usage.reasoning_tokens - 1
    if written < 1 or response.choices[1:] or not timing.tells_rate(first):
        return Rate()

    rate = Rate(tokens=written, seconds=timing.waited - first)
    return Rate() if rate.tokens >= AT_ONCE * rate.seconds else rate
