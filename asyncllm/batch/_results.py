"""The results of a batch, on their way to who asked for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Self

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from asyncllm._tallies import Tally

from ._progress import Progress
from ._result import BatchResult


class Results:
    """
    The results of a batch, one by one: as they come, or in the tasks' order.

    ::

        async for result in results:
            print(result.key, result.text)

    Tasks are begun only as results are taken: of those that are begun and not
    taken there are never more than a few for each call under way.
    """

    def __init__(
        self,
        *,
        room: int,
        ordered: bool,
        progress: Callable[[], Progress],
        tallies: Callable[[], tuple[Tally, ...]],
        stop: Callable[[str], None],
    ) -> None:
        self._room = anyio.Semaphore(room, fast_acquire=True)
        self._ordered = ordered
        self._early: dict[int, BatchResult | None] = {}
        self._next = 0
        self._ready: deque[BatchResult] = deque()
        self._arrived: anyio.Event | None = None
        self._has_ended = False
        self._error: Exception | None = None
        self._progress = progress
        self._tallies = tallies
        self._stop = stop
        self.stopped: str | None = None
        """Why no more tasks are begun, where that is not because they are all done."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> BatchResult:
        if not await self.ready():
            raise StopAsyncIteration
        return self.take()

    async def ready(self) -> int:
        """Wait until there are results to take and return how many; 0 is the end, if no error is raised."""
        await checkpoint_if_cancelled()
        while not self._ready:
            if self._error is not None:
                raise self._error
            if self._has_ended:
                break
            if self._arrived is None:
                self._arrived = anyio.Event()
            await self._arrived.wait()
        return len(self._ready)

    def take(self) -> BatchResult:
        """Return the next result, which is ready."""
        self._room.release()
        return self._ready.popleft()

    @property
    def adjustments(self) -> tuple[Tally, ...]:
        """What was adjusted so far, and for how many of the tasks; the commonest first."""
        return self._tallies()

    @property
    def progress(self) -> Progress:
        """How far the batch has come."""
        return self._progress()

    def stop(self, reason: str = "it was asked to stop") -> None:
        """Begin no more tasks; the results of those that are under way still come, and then it ends."""
        self._stop(reason)

    async def room(self) -> None:
        """Wait until one more task may be begun."""
        await self._room.acquire()

    def no_need(self) -> None:
        """Give back the room that was waited for: there was no task for it."""
        self._room.release()

    def put(self, result: BatchResult) -> None:
        """Hand over *result*, at once or when its turn has come."""
        self._arrive(result.index, result)

    def pass_over(self, index: int) -> None:
        """Wait no longer for the result of the task at *index*: there is none."""
        self._room.release()
        self._arrive(index, None)

    def end(self, error: Exception | None = None) -> None:
        """Say that no more will come; *error* is raised once all that was put has been taken."""
        if not self._has_ended:
            self._has_ended, self._error = True, error
            # Of those that were not to come before an earlier one, which will not come any more.
            for index in sorted(self._early):
                self._hand_over(self._early[index])
            self._early.clear()
            self._wake()

    def _arrive(self, index: int, result: BatchResult | None) -> None:
        if not self._ordered:
            self._hand_over(result)
        else:
            self._early[index] = result
            while self._next in self._early:
                self._hand_over(self._early.pop(self._next))
                self._next += 1
        if self._ready:
            self._wake()

    def _hand_over(self, result: BatchResult | None) -> None:
        if result is not None:
            self._ready.append(result)

    def _wake(self) -> None:
        if self._arrived is not None:
            self._arrived.set()
            self._arrived = None
