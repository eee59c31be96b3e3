"""The results of a batch, for synchronous code."""

from __future__ import annotations

from collections import deque
from typing import Self

from asyncllm._sync import wait_for
from asyncllm._tallies import Tally

from ._progress import Progress
from ._result import BatchResult
from ._results import Results


class BlockingResults:
    """The results of a batch, one by one, as :class:`Results` are for asynchronous code."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._taken: deque[BatchResult] = deque()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> BatchResult:
        if not self._taken:
            self._taken.extend(wait_for(self._several))
        if not self._taken:
            raise StopIteration
        return self._taken.popleft()

    @property
    def adjustments(self) -> tuple[Tally, ...]:
        """What was adjusted so far, and for how many of the tasks; the commonest first."""
        return self._results.adjustments

    @property
    def progress(self) -> Progress:
        """How far the batch has come."""
        return self._results.progress

    @property
    def stopped(self) -> str | None:
        """Why no more tasks are begun, where that is not because they are all done."""
        return self._results.stopped

    def stop(self, reason: str = "it was asked to stop") -> None:
        """Begin no more tasks; the results of those that are under way still come, and then it ends."""
        wait_for(lambda: self._stop(reason))

    async def _several(self) -> list[BatchResult]:
        """Take all that are ready: the way to the event loop and back costs more than a result."""
        return [self._results.take() for _ in range(await self._results.ready())]

    async def _stop(self, reason: str) -> None:
        self._results.stop(reason)
