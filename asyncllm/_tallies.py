"""What the calls of one batch share: their limit, what is noted before they are sent, what was adjusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from contextvars import ContextVar, Token
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias, TypeVar

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

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
        self.limit = limit
        self.limiter = anyio.CapacityLimiter(limit)
        self.waiting = 0
        """How many requests wait until the limits let them through."""
        self._counts: Counter[Kind] = Counter()
        self._of = 0

    def task(self, before: Callable[[], Awaitable[None]] | None = None) -> Calls:
        """
        Return the context of the calls for one task.

        Args:
            before: Awaited once, before the first request is sent.
        """
        return Calls(self, before)

    def answered(self, kinds: Mapping[Kind, int]) -> None:
        """Count one task, for which adjustments of these *kinds* were made."""
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
        if (calls := _of(owner)) is not None:
            calls.adjusted(adjustments)

    @staticmethod
    def turn(owner: object) -> AbstractAsyncContextManager[object]:
        """Wait until one more of several calls for a task of *owner*'s may be under way."""
        calls = _of(owner)
        return nullcontext() if calls is None else calls.batch.limiter


class Calls:
    """The calls for one task of a batch, as a context that counts it, if it succeeds."""

    def __init__(self, batch: Batch, before: Callable[[], Awaitable[None]] | None) -> None:
        self.batch = batch
        self.kinds: dict[Kind, int] = {}
        self.requests = 0
        """How many were sent, retries and all."""
        self._token: Token[Calls | None] | None = None
        self._before = before
        self._noting = None if before is None else anyio.Lock()

    def __enter__(self) -> Self:
        self._token = _CALLS.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _CALLS.reset(self._token)
        if error is None:
            self.batch.answered(self.kinds)

    def adjusted(self, adjustments: Iterable[Adjustment]) -> None:
        """Take in what was adjusted for one of them."""
        self.kinds.update(((each.parameter, each.verdict, each.reason), 1) for each in adjustments)

    async def sends(self) -> None:
        """Note that a request is about to be sent; of several at a time, none is before that is done."""
        await checkpoint_if_cancelled()  # Who has been called off while it waited sends nothing.
        self.requests += 1
        if self._noting is not None:
            async with self._noting:
                if self._before is not None:
                    await self._before()
                self._before = None


async def about_to_send() -> None:
    """Note that a request is about to be sent, where it is part of a batch."""
    if (calls := _CALLS.get()) is not None:
        await calls.sends()


@contextmanager
def in_line() -> Generator[None]:
    """Count who waits here until the limits let a request through, where it is part of a batch."""
    calls = _CALLS.get()
    if calls is None:
        yield
        return

    calls.batch.waiting += 1
    try:
        yield
    finally:
        calls.batch.waiting -= 1


def _of(owner: object) -> Calls | None:
    calls = _CALLS.get()
    return calls if calls is not None and calls.batch.owner is owner else None


_CALLS: ContextVar[Calls | None] = ContextVar("_CALLS", default=None)
"""What of a batch is under way."""
