"""A bounded number of workers, each of which asks one task after the other."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio
from anyio.abc import TaskGroup

from asyncllm._collector import Collector
from asyncllm._tallies import Batch, Calls
from asyncllm._types import Response, Timing
from asyncllm.errors import JournalError, LLMError, TimedOut

from ._bounds import Bounds
from ._notes import Notes
from ._result import BatchResult, PassedOver
from ._source import Job, Source
from ._work import Work

Ask: TypeAlias = Callable[[Job], Awaitable[Response]]
"""Asks one task once, retries and all."""

AHEAD = 2
"""How many tasks are begun and not taken by the caller, for each that may be under way."""
WINDOW = 8
"""The same where results come in the tasks' order, and have to wait for one that takes long."""


class Pipeline(Work):
    """
    Asks request by request.

    Args:
        source: Where the tasks come from.

        ask: Asks one.

        batch: What the calls share.

        notes: What is noted of each task.

        bounds: What it stops at.

        collector: Is told what the calls take, among others.

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
        room = batch.limit * (WINDOW if ordered else AHEAD)
        super().__init__(
            source, batch=batch, notes=notes, bounds=bounds, ordered=ordered, raises=raises, room=room
        )
        self._ask = ask
        self._collector = collector
        self._workers = 0
        self._under_way: dict[int, tuple[Calls, anyio.CancelScope]] = {}

    def stop(self, reason: str) -> None:
        """Begin no more tasks; what waits for a limit, and was never sent, is not begun either."""
        super().stop(reason)
        for calls, scope in self._under_way.values():
            if not calls.requests:
                scope.cancel()

    async def run(self) -> None:
        """Ask until there are no more tasks, or a reason to stop."""
        try:
            with self._collector.beside(self.spent):
                async with anyio.create_task_group() as group:
                    self.asking = group.cancel_scope
                    self._start(group)
        finally:
            self.results.end(self.error)

    def _start(self, group: TaskGroup) -> None:
        self._workers += 1
        group.start_soon(self._work, group)

    async def _work(self, group: TaskGroup) -> None:
        try:
            while (job := await self.taken()) is not None:
                if self._workers < self.batch.limit:
                    self._start(group)
                self.running += 1
                try:
                    result = await self.notes.known(job) or await self._result(job)
                finally:
                    self.running -= 1
                self.over(result)
        except Exception as error:  # noqa: BLE001 - raised where the results are taken
            self.fail(error)

    async def _result(self, job: Job) -> BatchResult | PassedOver:
        """Ask, and note what comes of it before anybody else hears."""
        told = functools.partial(BatchResult, index=job.index, key=job.key, task=job.task)
        calls = self.batch.task(self.notes.before(job))
        began = time.perf_counter()
        with anyio.CancelScope() as scope:
            self._under_way[job.index] = calls, scope
            try:
                with calls, self.deadline():
                    response = await self._ask(job)
            except JournalError:
                raise
            except LLMError as error:
                timing = Timing(total=time.perf_counter() - began)
                result = told(error=error, attempts=calls.requests, timing=timing)
            else:
                result = told(response=response, attempts=response.attempts, timing=response.timing)
            finally:
                del self._under_way[job.index]
            if calls.requests or not isinstance(result.error, TimedOut):  # Else another run may begin it.
                await self.notes.over(job, result)
            return result
        return PassedOver(job.index)
