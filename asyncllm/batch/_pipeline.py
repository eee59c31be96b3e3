"""A bounded number of workers, each of which asks one task after the other."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio

from asyncllm._collector import Collector
from asyncllm._deadline import Deadline
from asyncllm._tallies import Batch
from asyncllm._types import Response, Timing
from asyncllm.errors import JournalError, LLMError

from ._bounds import Bounds
from ._notes import Notes
from ._progress import Progress
from ._result import BatchResult, PassedOver
from ._results import Results
from ._source import Job, Source

Ask: TypeAlias = Callable[[Job], Awaitable[Response]]
"""Asks one task once, retries and all."""

AHEAD = 2
"""How many tasks are begun and not taken by the caller, for each that may be under way."""
WINDOW = 8
"""The same where results come in the tasks' order, and have to wait for one that takes long."""


class Pipeline:
    """
    What takes tasks from *source*, asks them, and puts what becomes of them into :attr:`results`.

    Args:
        source: Where the tasks come from; one is taken only when it can be asked.

        ask: Asks one.

        batch: What the calls share; it bounds how many there are at a time.

        notes: What is noted of each task before it is sent, and after.

        bounds: What it stops at.

        collector: Is told what the calls take.

        ordered: Whether results come in the tasks' order.

        raises: Whether the first error ends it, and is raised.
    """

    def __init__(
        self,
        source: Source,
        ask: Ask,
        *,
        batch: Batch,
        notes: Notes,
        bounds: Bounds,
        collector: Collector,
        ordered: bool,
        raises: bool,
    ) -> None:
        self._source = source
        self._ask = ask
        self._batch = batch
        self._notes = notes
        self._bounds = bounds
        self._is_bounded = bool(bounds.given())
        self._deadline = Deadline(bounds.deadline, "the batch was not over within deadline={:g} seconds")
        self._collector = collector
        self._own = Collector()
        self._raises = raises
        self._limit = limit = batch.limit
        self._workers = 0
        self._asking: anyio.CancelScope | None = None
        self._error: Exception | None = None
        self._began = time.perf_counter()
        self._done = self._failed = self._restored = self._running = 0
        self.results = Results(
            room=limit * (WINDOW if ordered else AHEAD),
            ordered=ordered,
            progress=self.progress,
            tallies=batch.tallies,
            stop=self.stop,
        )

    async def run(self) -> None:
        """Ask until there are no more tasks, or a reason to stop."""
        try:
            with self._collector.beside(self._own):
                async with anyio.create_task_group() as group:
                    self._asking = group.cancel_scope
                    self._start(group)
        finally:
            self.results.end(self._error)

    def stop(self, reason: str) -> None:
        """Begin no more tasks; those that are under way go on."""
        if self.results.stopped is None:
            self.results.stopped = reason
            self._source.close()

    def progress(self) -> Progress:
        """Return how far it has come."""
        return Progress(
            done=self._done,
            failed=self._failed,
            restored=self._restored,
            running=self._running,
            total=self._source.total,
            seconds=time.perf_counter() - self._began,
            metrics=self._own.snapshot(),
        )

    def _start(self, group: anyio.abc.TaskGroup) -> None:
        self._workers += 1
        group.start_soon(self._work, group)

    async def _work(self, group: anyio.abc.TaskGroup) -> None:
        try:
            while (job := await self._taken()) is not None:
                if self._workers < self._limit:
                    self._start(group)
                self._running += 1
                try:
                    result = await self._result(job)
                finally:
                    self._running -= 1
                if isinstance(result, PassedOver):
                    self.results.pass_over(result.index)
                else:
                    self._over(result)
        except Exception as error:  # noqa: BLE001 - raised where the results are taken
            self._fail(error)

    async def _taken(self) -> Job | None:
        await self.results.room()
        if self._is_bounded and (reason := self._bounds.reached(self.progress())) is not None:
            self.stop(reason)
        job = None
        try:
            job = await self._source.take()
        except Exception as error:  # noqa: BLE001 - the caller's own: what is under way is still worth having
            self._error = self._error or error
            self._source.close()
        finally:
            if job is None:
                self.results.no_need()
        return job

    async def _result(self, job: Job) -> BatchResult | PassedOver:
        """Ask, unless it is noted what came of it before; note what comes of it before anybody else hears."""
        known = await self._notes.known(job)
        if known is not None:
            return known

        told = functools.partial(BatchResult, index=job.index, key=job.key, task=job.task)
        calls = self._batch.task(self._notes.before(job))
        began = time.perf_counter()
        try:
            with calls, self._deadline():
                response = await self._ask(job)
        except JournalError:
            raise
        except LLMError as error:
            timing = Timing(total=time.perf_counter() - began)
            result = told(error=error, attempts=calls.requests, timing=timing)
        else:
            result = told(response=response, attempts=response.attempts, timing=response.timing)
        await self._notes.over(job, result)
        return result

    def _over(self, result: BatchResult) -> None:
        self._restored += result.restored
        if result.error is None:
            self._done += 1
        else:
            self._failed += 1
            if self._raises:
                self._fail(result.error)
                return
        self.results.put(result)

    def _fail(self, error: Exception) -> None:
        """End at once: what is under way is cancelled, and *error* raised once what has come is taken."""
        self._error = self._error or error
        self._source.close()
        if self._asking is not None:
            self._asking.cancel()
