"""What an LLM does with many tasks."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, TypedDict, Unpack, cast, overload

import anyio

from asyncllm._bounded import CONCURRENCY
from asyncllm._collector import Collector
from asyncllm._sync import synchronous, synchronous_hold
from asyncllm._tallies import Answers, Batch
from asyncllm._tasks import check_extras
from asyncllm._vocabulary import Params
from asyncllm.errors import BatchStopped, LLMError

from ._blocking import BlockingResults
from ._bounds import Bounds, failures
from ._journal import JournalFile, Resume
from ._notes import Notes
from ._options import BatchOptions
from ._pipeline import Pipeline
from ._remote import Patience, Via
from ._report import Report, Tell
from ._results import Results
from ._source import Source, Tasks
from ._submission import Submission
from ._ways import Ways
from ._work import Work


class Batches(Ways):
    """What an LLM does with many tasks."""

    @asynccontextmanager
    async def abatch(
        self,
        tasks: Tasks,
        *args: Any,
        max_concurrency: int = 16,
        ordered: bool = False,
        on_error: str = "keep",
        deadline: float | None = None,
        max_total_tokens: int | None = None,
        max_cost: float | None = None,
        journal: str | os.PathLike[str] | JournalFile | None = None,
        resume: bool | Resume = True,
        via: Via = "direct",
        patience: Patience | None = None,
        progress: bool | Tell = False,
        **params: Unpack[Params],
    ) -> AsyncGenerator[Results]:
        """
        Ask many tasks, and take the results as they come.

        ::

            async with llm.abatch(tasks, max_concurrency=50) as results:
                async for result in results:
                    print(result.key, result.text)

        Tasks are taken from the iterable only as fast as they are asked, and asked only
        as fast as results are taken: there may be any number of them, and memory does
        not grow with it. Leaving the block early cancels what is under way.

        With a ``seed``, each task has one of its own, which depends on that seed and
        the task's key alone.

        Args:
            tasks:
                Texts, conversations, or :class:`Task` objects with a key and parameters
                of their own; any iterable, also an asynchronous or endless one.

            args: For a class with an answer of its own, whose method takes more than the task.

            max_concurrency: Ask at most this many at a time.

            ordered:
                Bring results in the tasks' order. The others wait for one that takes
                long, up to some for each that may be under way.

            on_error:
                What a task that fails does. ``"keep"``: its result holds the error.
                ``"raise"``: it cancels those under way, and the error is raised once what
                had come is taken. ``"stop-after:N"``: after N of them no more tasks are begun.

            deadline: Seconds for the whole batch; what is not over by then is :exc:`TimedOut`.

            max_total_tokens:
                Begin no more tasks once this many tokens were used. Like *max_cost* it
                is exceeded by what is under way then.

            max_cost: Begin no more tasks once this many US dollars were spent, by list prices.

            journal:
                A file that notes each task before it is sent, and what came of it before
                anybody hears of it. With the same tasks, model and parameters, another run
                goes on where this one ended, however that was: what is done comes from the
                file, and is not sent again.

            resume:
                What becomes of tasks that the journal has: see :class:`Resume`. False
                refuses a journal that has any.

            via:
                ``"direct"`` asks request by request. ``"provider"`` has the provider's own
                batches answer, within hours and at a lower price; with a journal they are
                collected by a later run if this one ends before. ``"auto"`` chooses that
                where there are such batches and *deadline* leaves them the time.

            patience: How long to wait between looks at the provider's batches.
            progress:
                A function that is called with a :class:`Progress` a few times a second, on
                the event loop, and when it is over. True shows it on standard error.

            params: Parameters for each task, as in :meth:`arun`; a task's own win over them.

        Raises:
            ConfigurationError: The provider has no batches of its own, and *via* wants them.
            InvalidTask: *tasks* is a single one, or nothing to go through.
            InvalidParameter: An argument is of the wrong type or out of range.
            JournalError: The journal cannot be used, or is another batch's.
        """
        check_extras(args, taken=self._llm_answers_itself)
        limit: int = CONCURRENCY.check("max_concurrency", max_concurrency)
        stop_after = failures(on_error)
        bounds = Bounds(
            failures=stop_after or None,
            deadline=deadline,
            max_total_tokens=max_total_tokens,
            max_cost=max_cost,
        )
        source, way = Source(tasks), await self._llm_way(via, deadline)
        async with self._llm_notes(journal, resume, args, params, way) as notes:
            common = _Common(
                batch=Batch(self, limit),
                notes=notes,
                bounds=bounds,
                collector=self._llm_collector,
                ordered=ordered,
                raises=stop_after == 0,
            )
            work: Work
            if way == "direct":
                work = Pipeline(source, self._llm_ask(args, params), **common)
            else:
                work = Submission(
                    source,
                    self._llm_prepare(params),
                    model=self._llm_asked_model(),
                    policies=self._llm_policies,
                    retry=self._llm_retry,
                    patience=patience,
                    **common,
                )
            with Report(progress, work.progress) as report:
                async with _beside(work.run, report.run):
                    yield work.results

    @overload
    async def abatch_run(
        self,
        tasks: Tasks,
        *args: Any,
        return_errors: Literal[False] = ...,
        **params: Unpack[BatchOptions],
    ) -> Answers[str]: ...

    @overload
    async def abatch_run(
        self,
        tasks: Tasks,
        *args: Any,
        return_errors: Literal[True],
        **params: Unpack[BatchOptions],
    ) -> Answers[str | LLMError]: ...

    async def abatch_run(
        self, tasks: Tasks, *args: Any, return_errors: bool = False, **params: Unpack[BatchOptions]
    ) -> Answers[str] | Answers[str | LLMError]:
        """
        Ask every task and return the texts, in the tasks' order.

        It is :meth:`abatch`, collected, and takes what that takes. What was adjusted on
        the way, and how often, is in the list's ``adjustments``.

        Args:
            tasks: Texts, conversations, or :class:`Task` objects.

            args: For a class with an answer of its own, whose method takes more than the task.

            return_errors:
                Put the error of a task that failed in its place. Otherwise the
                first error cancels the others and is raised by itself.

            params: Arguments of :meth:`abatch`, and parameters for each call.

        Raises:
            BatchStopped: It has stopped before all was done; its ``results`` hold what had come.
        """
        params.setdefault("on_error", "keep" if return_errors else "raise")
        texts: dict[int, str | LLMError] = {}
        async with self.abatch(tasks, *args, **params) as results:
            async for result in results:
                texts[result.index] = result.text if result.error is None else result.error
        answers = Answers([texts[index] for index in sorted(texts)])
        answers.adjustments = results.adjustments
        if results.stopped is not None:
            stopped = BatchStopped(f"the batch has stopped: {results.stopped}")
            stopped.results = answers
            raise stopped
        # Which of the two lists it is, return_errors says: the overloads tell the caller.
        return cast("Answers[str]", answers)

    batch = synchronous_hold(abatch, BlockingResults)
    batch_run = synchronous(abatch_run)


class _Common(TypedDict):
    """What both ways take."""

    batch: Batch
    notes: Notes
    bounds: Bounds
    collector: Collector
    ordered: bool
    raises: bool


@asynccontextmanager
async def _beside(*runs: Callable[[], Any]) -> AsyncGenerator[None]:
    """Let *runs* run beside the block, until that ends; what the block raises comes out as it is."""
    error: Exception | None = None
    async with anyio.create_task_group() as group:
        for run in runs:
            group.start_soon(run)
        try:
            yield
        except Exception as exc:  # noqa: BLE001 - raised below, out of the group
            error = exc
        group.cancel_scope.cancel()
    if error is not None:
        raise error
