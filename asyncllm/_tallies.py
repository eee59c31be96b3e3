"""What the calls of one batch share: their limit, and the tally of what was adjusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import anyio

from ._types import Adjustment, Verdict

T = TypeVar("T")

Kind: TypeAlias = tuple[str, Verdict, str]
"""Adjustments of the same parameter, verdict and reason are of a kind."""


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


class Answers(list[T]):
    """What a batch returns: a list, in the tasks' order, and what was adjusted on the way."""

    adjustments: tuple[Tally, ...] = ()
    """What was adjusted, and for how many of the tasks."""


class Batch:
    """
    What the calls of one batch share: how many may be under way, and what was adjusted.

    Args:
        owner: Whose calls they are; those of others that its provider may make are none of the batch.

        limit: How many may be under way at a time.
    """

    def __init__(self, owner: object, limit: int) -> None:
        self.owner = owner
        self.limiter = anyio.CapacityLimiter(limit)
        self._counts: Counter[Kind] = Counter()
        self._of = 0

    @contextmanager
    def task(self) -> Generator[None]:
        """Count what is asked within as one task, if it succeeds."""
        kinds: dict[Kind, int] = {}
        token = _TASK.set((self, kinds))
        try:
            yield
        finally:
            _TASK.reset(token)
        self._of += 1
        self._counts.update(kinds)

    def tallies(self) -> tuple[Tally, ...]:
        """Return one line for each adjustment, the commonest first."""
        return tuple(
            Tally(parameter=parameter, verdict=verdict, reason=reason, count=count, of=self._of)
            for (parameter, verdict, reason), count in self._counts.most_common()
        )

    @staticmethod
    def count(owner: object, adjustments: Iterable[Adjustment]) -> None:
        """Take in the adjustments of one of *owner*'s calls, if it is part of a batch."""
        batch, kinds = _TASK.get()
        if batch is not None and batch.owner is owner:
            kinds.update(((each.parameter, each.verdict, each.reason), 1) for each in adjustments)

    @staticmethod
    def turn(owner: object) -> AbstractAsyncContextManager[object]:
        """Wait until one more of several calls for a task of *owner*'s may be under way."""
        batch, _ = _TASK.get()
        return batch.limiter if batch is not None and batch.owner is owner else nullcontext()


_TASK: ContextVar[tuple[Batch | None, dict[Kind, int]]] = ContextVar("_TASK", default=(None, {}))
"""The batch that the current task belongs to, and what was adjusted for it."""
