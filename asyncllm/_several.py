"""Several answers as one response, and the adjustments of many responses as a few lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from ._types import Adjustment, Response, Verdict

T = TypeVar("T")

Kind: TypeAlias = tuple[str, Verdict, str]
"""Adjustments of the same parameter, verdict and reason are of a kind."""


def together(responses: Sequence[Response]) -> Response:
    """Return the answers to a task that was asked several times as one response; tokens are summed."""
    first, *others = responses
    if not others:
        return first

    usages = [response.usage for response in responses if response.usage is not None]
    return replace(
        first,
        choices=tuple(choice for response in responses for choice in response.choices),
        usage=sum(usages[1:], usages[0]) if len(usages) == len(responses) else None,
        raw=[response.raw for response in responses],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How often the same adjustment was made in a batch."""

    parameter: str
    verdict: Verdict
    reason: str
    count: int
    """How many of the tasks it was made for."""
    of: int
    """How many tasks were answered."""

    def __str__(self) -> str:
        counts = f"{self.count:,} of {self.of:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
        return f"{self.verdict} {self.parameter}: {counts}" + (f" ({self.reason})" if self.reason else "")


class Tallies:
    """Adds up adjustments."""

    def __init__(self) -> None:
        self._counts: Counter[Kind] = Counter()
        self._of = 0

    def add(self, adjustments: Iterable[Adjustment]) -> None:
        """Take in those of one more response."""
        self._of += 1
        kinds: list[Kind] = [(each.parameter, each.verdict, each.reason) for each in adjustments]
        self._counts.update(dict.fromkeys(kinds, 1))

    def all(self) -> tuple[Tally, ...]:
        """Return one line for each adjustment, the commonest first."""
        return tuple(
            Tally(parameter=parameter, verdict=verdict, reason=reason, count=count, of=self._of)
            for (parameter, verdict, reason), count in self._counts.most_common()
        )


TALLIES: ContextVar[Tallies | None] = ContextVar("TALLIES", default=None)
"""Where the calls of the batch that is under way add up."""


class Answers(list[T]):
    """What a batch returns: a list, in the tasks' order, and what was adjusted on the way."""

    adjustments: tuple[Tally, ...] = ()
    """What was adjusted, and for how many of the tasks."""
