"""What a batch does in whatever way it asks: it counts, stops in time, and hands results over."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod

import anyio

from asyncllm._collector import Collector
from asyncllm._deadline import Deadline
from asyncllm._tallies import Batch

from ._bounds import Bounds
from ._notes import Notes
from ._progress import Progress
from ._result import BatchResult, PassedOver
from ._results import Results
from ._source import Job, Source


class Work(ABC):
    """
    What takes tasks from *source*, has them answered, and puts what becomes of them into :attr:`results`.

    Args:
        source: Where the tasks come from; one is taken only when it can be asked.

        batch: What the calls share; it bounds how many there are at a time.

        notes: What is noted of each task before it is sent, and after.

        bounds: What it stops at.

        ordered: Whether results come in the tasks' order.

        raises: Whether the first error ends it, and is raised.

        room: How many tasks may be begun and not taken by the caller.
    """

    def __init__(
        self,
        source: Source,
        *,
        batch: Batch,
        notes: Notes,
        bounds: Bounds,
        ordered: bool,
        raises: bool,
        room: int,
    ) -> None:
        self.source = source
        self.batch = batch
        self.notes = notes
        self.deadline = Deadline(bounds.deadline, "the batch was not over within deadline={:g} seconds")
        self.spent = Collector()
        """Is told what the calls take."""
        self.running = 0
        """How many tasks are under way."""
        self.asking: anyio.CancelScope | None = None
        """What is cancelled where an error is to end all."""
        self.error: Exception | None = None
        """What is raised once all that has come is taken."""
        self._bounds = bounds
        self._is_bounded = bool(bounds.given())
        self._raises = raises
        self._began = time.perf_counter()
        self._done = self._failed = self._restored = 0
        self.results = Results(
            room=room, ordered=ordered, progress=self.progress, tallies=batch.tallies, stop=self.stop
        )

    @abstractmethod
    async def run(self) -> None:
        """Ask until there are no more tasks, or a reason to stop."""

    def stop(self, reason: str) -> None:
        """Begin no more tasks; those that are under way go on."""
        if self.results.stopped is None:
            self.results.stopped = reason
            self.source.close()

    def progress(self) -> Progress:
        """Return how far it has come."""
        return Progress(
            done=self._done,
            failed=self._failed,
            restored=self._restored,
            running=self.running,
            waiting=self.batch.waiting,
            total=self.source.total,
            seconds=time.perf_counter() - self._began,
            metrics=self.spent.snapshot(),
        )

    async def taken(self) -> Job | None:
        """Return the next task, once there is room for its result; None is that there is none any more."""
        with anyio.CancelScope(deadline=self.deadline.end) as scope:  # Tasks may be long in coming.
            return await self._next()
        if scope.cancelled_caught:
            self.stop(f"deadline={self._bounds.deadline:g} is reached")
        return None

    async def _next(self) -> Job | None:
        await self.results.room()
        if self._is_bounded and (reason := self._bounds.reached(self.progress())) is not None:
            self.stop(reason)
        job = None
        try:
            job = await self.source.take()
        except Exception as error:  # noqa: BLE001 - the caller's own: what is under way is still worth having
            self.error = self.error or error
            self.source.close()
        finally:
            if job is None:
                self.results.no_need()
        return job

    def over(self, result: BatchResult | PassedOver) -> None:
        """Hand over what became of a task."""
        if isinstance(result, PassedOver):
            self.results.pass_over(result.index)
            return

        self._restored += result.restored
        self._done += result.error is None
        self._failed += result.error is not None
        if result.error is not None and self._raises:
            self.fail(result.error)
        else:
            self.results.put(result)

    def fail(self, error: Exception) -> None:
        """End at once: what is under way is cancelled, and *error* raised once what has come is taken."""
        self.error = self.error or error
        self.source.close()
        if self.asking is not None:
            self.asking.cancel()
