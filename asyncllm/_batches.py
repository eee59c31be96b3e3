"""Many tasks, asked in one go."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, Literal, Unpack, cast, overload

from ._batch import CONCURRENCY, map_bounded
from ._sync import synchronous
from ._tallies import Answers, Batch
from ._tasks import check_extras, check_tasks
from ._types import Prompt
from ._vocabulary import Params, checked
from .errors import LLMError


class Batches:
    """What an LLM does with many tasks."""

    @abstractmethod
    async def arun(self, task: Prompt, **params: Unpack[Params]) -> str:
        """Ask once and return the answer's text."""

    @property
    @abstractmethod
    def _llm_answers_itself(self) -> bool:
        """Whether the class has an answer of its own to a task."""

    @overload
    async def abatch_run(
        self,
        tasks: Iterable[Prompt],
        *args: Any,
        max_concurrency: int = ...,
        return_errors: Literal[False] = ...,
        **params: Unpack[Params],
    ) -> Answers[str]: ...

    @overload
    async def abatch_run(
        self,
        tasks: Iterable[Prompt],
        *args: Any,
        max_concurrency: int = ...,
        return_errors: Literal[True],
        **params: Unpack[Params],
    ) -> Answers[str | LLMError]: ...

    async def abatch_run(
        self,
        tasks: Iterable[Prompt],
        *args: Any,
        max_concurrency: int = 16,
        return_errors: bool = False,
        **params: Unpack[Params],
    ) -> Answers[str] | Answers[str | LLMError]:
        """
        Ask every task and return the texts, in the tasks' order.

        What was adjusted on the way, and how often, is in the list's ``adjustments``.

        Args:
            tasks: Texts or conversations; taken from the iterable only as fast as they are asked.

            args: For a class with an answer of its own, whose method takes more than the task.

            max_concurrency: Ask at most this many at a time.

            return_errors:
                Put the error of a task that failed in its place. Otherwise the
                first error cancels the others and is raised by itself.

            params: Parameters for each call, as in :meth:`arun`.
        """
        check_tasks(tasks)
        check_extras(args, taken=self._llm_answers_itself)
        limit: int = CONCURRENCY.check("max_concurrency", max_concurrency)
        if not self._llm_answers_itself:  # A class's own may take what is no parameter.
            checked(params)

        batch = Batch(self, limit)

        async def one(task: Prompt) -> str | LLMError:
            try:
                with batch.task():
                    return cast("str", await cast("Any", self).arun(task, *args, **params))
            except LLMError as error:
                if return_errors:
                    return error
                raise

        answers = Answers(await map_bounded(one, tasks, limit=limit))
        answers.adjustments = batch.tallies()
        # Which of the two lists it is, return_errors says: the overloads tell the caller.
        return cast("Answers[str]", answers)

    batch_run = synchronous(abatch_run)
