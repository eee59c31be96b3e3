"""The provider's own batches in place of a request for each task."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import TypeAlias

import anyio

from asyncllm._collector import Collector
from asyncllm._finish import finished
from asyncllm._metrics import Metrics
from asyncllm._model import Model
from asyncllm._policy import Policies
from asyncllm._prepare import Prepared
from asyncllm._retry import Retry
from asyncllm._secrets import bare
from asyncllm._tallies import Batch
from asyncllm._types import Response, Timing
from asyncllm.errors import InvalidTask, LLMError, ProviderError, TimedOut, UnexpectedResponse
from asyncllm.provider import Request

from ._bounds import Bounds
from ._notes import Notes
from ._remote import Patience, batchable, remote
from ._result import BatchResult
from ._source import Job, Source
from ._work import Work

Prepare: TypeAlias = Callable[[Job], Prepared]
"""Turns a task into the provider's words; raises what is wrong with it."""

ROOM = 2**31
"""How many tasks may be begun and not taken: a provider's batch is sent off only when it is whole."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A task that is on its way."""

    job: Job
    call: Prepared
    began: float


class Submission(Work):
    """
    Has the provider's own batches answer the tasks.

    Args:
        source: Where the tasks come from.

        prepare: Turns one into the provider's words.

        model: Who is asked.

        policies: What is reported of what is not done just as asked.

        batch: What the calls share.

        notes: What is noted of each task.

        bounds: What it stops at.

        collector: Is told what the calls take.

        retry: How to try again what the provider did not take.

        patience: How long to wait between looks at a batch.

        ordered: Whether results come in the tasks' order.

        raises: Whether the first error ends it, and is raised.
    """

    def __init__(
        self,
        source: Source,
        prepare: Prepare,
        *,
        model: Model,
        policies: Policies,
        batch: Batch,
        notes: Notes,
        bounds: Bounds,
        collector: Collector,
        retry: Retry,
        patience: Patience | None,
        ordered: bool,
        raises: bool,
    ) -> None:
        super().__init__(
            source, batch=batch, notes=notes, bounds=bounds, ordered=ordered, raises=raises, room=ROOM
        )
        self._prepare = prepare
        self._model = model
        self._policies = policies
        self._collector = collector
        self._retry = retry
        self._patience = patience
        self._sent: dict[str, Sent] = {}
        self._ahead: dict[str, tuple[Response | ProviderError, int]] = {}
        """What came of tasks that an earlier run has sent, and that have not come again so far."""

    async def run(self) -> None:
        """Submit until there are no more tasks, and collect until nothing is under way."""
        try:
            with anyio.CancelScope() as self.asking:
                await self._collected()
        except Exception as error:  # noqa: BLE001 - raised where the results are taken
            self.fail(error)
        finally:
            self.results.end(self.error)

    async def _collected(self) -> None:
        try:
            with self.deadline():
                async with (
                    self._model.use() as provider,
                    remote(
                        provider,
                        self._items(),
                        ledger=self.notes.ledger,
                        retry=self._retry,
                        patience=self._patience,
                    ) as outcomes,
                ):
                    async for key, outcome, attempts in outcomes:
                        if (sent := self._sent.pop(key, None)) is not None:
                            await self._ended(sent, outcome, attempts)
                        else:
                            await self.notes.settle(key, outcome, attempts)
                            self._ahead[key] = outcome, attempts
            missing: LLMError = UnexpectedResponse(
                "the provider's batches ended without an outcome for this task"
            )
        except TimedOut as error:
            missing = error
        for sent in self._sent.values():
            # Not noted: where they are still at the provider's, another run collects them.
            await self._failed_with(sent.job, missing, began=sent.began, is_noted=False)

    async def _items(self) -> AsyncGenerator[tuple[str, Request]]:
        """Yield what is to be submitted; what is known already, or cannot be, is over with that."""
        while (job := await self.taken()) is not None:
            began = time.perf_counter()
            if (known := await self.notes.known(job)) is not None:
                self.over(known)
                continue
            try:
                if job.key in self._sent:
                    raise InvalidTask(
                        f"two tasks have the key {job.key!r}; a provider's batch tells them by it"
                    )
                call = self._prepare(job)
                request = batchable(call)
            except LLMError as error:
                await self._failed_with(job, error, began=began, attempts=0, is_sent=False)
                continue
            self.running += 1
            if (ahead := self._ahead.pop(job.key, None)) is not None:
                await self._ended(Sent(job, call, began), *ahead)
                continue
            self._sent[job.key] = Sent(job, call, began)
            yield job.key, request

    async def _ended(self, sent: Sent, outcome: Response | ProviderError, attempts: int) -> None:
        if isinstance(outcome, ProviderError):
            self._collector.failed(outcome)
            self.spent.failed(outcome)
            await self._failed_with(sent.job, outcome, began=sent.began, attempts=attempts)
            return

        call = sent.call
        adjustments = self._policies.reported(call.verdicts)
        with self.batch.task() as calls:
            calls.adjusted(adjustments)
        response = finished(
            outcome,
            call,
            began=sent.began,
            attempts=attempts,
            adjustments=adjustments,
            provider=call.provider,
            model=call.request.model,
        )
        seller = bare(getattr(self._model.rulebook, "base_url", None)) or self._model.provider
        took = Metrics.of(response, seller=seller, processing="batch")
        self._collector.add(took)
        self.spent.add(took)
        await self._told(
            sent.job,
            BatchResult(
                index=sent.job.index,
                key=sent.job.key,
                task=sent.job.task,
                response=response,
                attempts=attempts,
                timing=response.timing,
            ),
        )

    async def _failed_with(
        self,
        job: Job,
        error: LLMError,
        *,
        began: float,
        attempts: int = 1,
        is_sent: bool = True,
        is_noted: bool = True,
    ) -> None:
        timing = Timing(total=time.perf_counter() - began)
        result = BatchResult(
            index=job.index, key=job.key, task=job.task, error=error, attempts=attempts, timing=timing
        )
        await self._told(job, result, is_sent=is_sent, is_noted=is_noted)

    async def _told(
        self, job: Job, result: BatchResult, *, is_sent: bool = True, is_noted: bool = True
    ) -> None:
        if is_noted:
            await self.notes.over(job, result)
        self.running -= is_sent
        self.over(result)
