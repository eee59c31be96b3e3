"""What an actor of Ray Data does: ask for the rows of one batch after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from asyncllm._bounded import CONCURRENCY
from asyncllm._vocabulary import Params, checked
from asyncllm.batch._method import Batches
from asyncllm.batch._result import BatchResult
from asyncllm.batch._task import Task
from asyncllm.errors import InvalidParameter

from ._columns import Columns

ON_ERROR = ("keep", "raise")


class Asker:
    """
    Ask an LLM for each row of a batch: a class for ``Dataset.map_batches``.

    ::

        dataset.map_batches(
            Asker,
            fn_constructor_args=[LLM("openai:gpt-4.1")],
            batch_size=256,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=4),
        )

    :func:`ask` writes this for you, and divides limits among the actors. Each actor has
    an LLM of its own, made from the specification of the one that is given: without its
    key, which is looked for in the environment of the actor.

    Requests are sent side by side on an event loop that Ray knows nothing of, so it
    never stands still while Ray waits for room for results.

    Args:
        llm: What to ask.

        prompt: The column of texts, or of conversations: lists of messages with a role and a content.

        key:
            The column of the rows' keys, from which, with a ``seed``, each row gets a seed
            of its own. Default: the key is made from the prompt and the row's parameters,
            and equal rows have equal seeds.

        per_row: Parameters that each row has of its own: their names, and those of the columns.

        into: The column of the answers, with which the names of the others begin.

        on_error: ``"keep"``: a row that fails holds its error. ``"raise"``: the first one fails the job.

        max_concurrency: Ask at most this many rows at a time, in each actor.

        params: Parameters for each row, as in :meth:`LLM.arun`; a row's own win over them.

    Raises:
        InvalidParameter: An argument is of the wrong type or out of range.
    """

    def __init__(
        self,
        llm: Batches,
        *,
        prompt: str = "prompt",
        key: str | None = None,
        per_row: Mapping[str, str] | None = None,
        into: str = "answer",
        on_error: str = "keep",
        max_concurrency: int = 16,
        **params: Unpack[Params],
    ) -> None:
        if on_error not in ON_ERROR:
            raise InvalidParameter(f"on_error takes 'keep' or 'raise'; got {on_error!r}")
        self._columns = Columns(prompt=prompt, key=key, per_row=dict(per_row or {}), into=into)
        self._limit: int = CONCURRENCY.check("max_concurrency", max_concurrency)
        self._raises = on_error == "raise"
        self._params = checked(params)
        self._llm = llm

    def __call__(self, table: Any) -> Any:
        """
        Return *table* with the answers.

        Raises:
            InvalidParameter: A column is missing, or *table* is not one of Arrow.
            LLMError: A row failed, and that is not to be kept.
        """
        if not hasattr(table, "append_column"):
            raise InvalidParameter(
                f"Asker takes tables of Arrow, and got a {type(table).__name__}: "
                "say map_batches(Asker, batch_format='pyarrow', …)"
            )
        return self._columns.told(table, self._results(self._columns.tasks(table)))

    def _results(self, rows: Sequence[Task | BatchResult]) -> list[BatchResult]:
        failed = [row for row in rows if isinstance(row, BatchResult)]
        if self._raises and failed:  # Before anything is sent that would be paid for.
            assert failed[0].error is not None, "a row that has no task has an error"
            raise failed[0].error
        tasks = [row for row in rows if isinstance(row, Task)]
        with self._llm.batch(
            tasks,
            ordered=True,
            max_concurrency=self._limit,
            on_error="raise" if self._raises else "keep",
            **self._params,
        ) as results:
            return [row if isinstance(row, BatchResult) else next(results) for row in rows]
