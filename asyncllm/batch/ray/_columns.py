"""Rows of a table as tasks, and what becomes of them as columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from asyncllm._types import Usage
from asyncllm._vocabulary import Params, checked
from asyncllm.batch._result import BatchResult
from asyncllm.batch._task import Task, fingerprint
from asyncllm.errors import InvalidParameter, InvalidTask, LLMError

from ._library import library

COLUMNS: Mapping[str, tuple[str, Callable[[BatchResult], Any]]] = {
    "":               ("string", lambda result: result.response and result.response.text),
    "_error":         ("string", lambda result: result.error and type(result.error).__name__),
    "_error_message": ("string", lambda result: result.error and str(result.error)),
    "_attempts":      ("int64",  lambda result: result.attempts),
    "_input_tokens":  ("int64",  lambda result: (usage := _usage(result)) and usage.input_tokens),
    "_output_tokens": ("int64",  lambda result: (usage := _usage(result)) and usage.output_tokens),
    "_finish_reason": ("string", lambda result: result.response and result.response.finish_reason),
    "_adjustments":   ("string", lambda result: _adjustments(result)),  # noqa: PLW0108 - defined below
}  # fmt: skip
"""What is told of each row: the end of the column's name, its type in Arrow, and what stands in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """
    Where in a table the tasks are, and where their answers go.

    Raises:
        InvalidParameter: A column's name is no text, or an empty one.
        UnknownParameter: A parameter is not known.
    """

    prompt: str = "prompt"
    key: str | None = None
    per_row: Mapping[str, str] = field(default_factory=dict[str, str])
    into: str = "answer"

    def __post_init__(self) -> None:
        for name in (*self._read(), self.into):
            if not isinstance(name, str) or not name:  # pyright: ignore[reportUnnecessaryIsInstance]
                raise InvalidParameter(f"a column is named by a text; got {name!r}")
        checked(cast("Params", dict.fromkeys(self.per_row)))

    def tasks(self, table: Any) -> list[Task | BatchResult]:
        """
        Return the task of each row of *table*; of a row that has none, what became of it.

        Raises:
            InvalidParameter: A column is missing, or one that is to be made is there already.
        """
        there = list(table.column_names)
        if missing := [name for name in self._read() if name not in there]:
            raise InvalidParameter(f"the dataset has no column {missing[0]!r}; it has {', '.join(there)}")
        if taken := [name for end in COLUMNS if (name := self.into + end) in there]:
            raise InvalidParameter(
                f"the dataset has a column {taken[0]!r} already; name another one, as in into='reply'"
            )
        rows = table.select(list(dict.fromkeys(self._read()))).to_pylist()
        return [self._task(index, row) for index, row in enumerate(rows)]

    def told(self, table: Any, results: Sequence[BatchResult]) -> Any:
        """Return *table* with the columns that tell what became of its rows."""
        arrow = library("pyarrow")
        for end, (kind, of) in COLUMNS.items():
            values = arrow.array([of(result) for result in results], type=arrow.type_for_alias(kind))
            table = table.append_column(self.into + end, values)
        return table

    def _read(self) -> list[str]:
        return [self.prompt, *([] if self.key is None else [self.key]), *self.per_row.values()]

    def _task(self, index: int, row: Mapping[str, Any]) -> Task | BatchResult:
        prompt = row[self.prompt]
        own: dict[str, Any] = {
            name: row[column] for name, column in self.per_row.items() if row[column] is not None
        }
        try:
            return Task(prompt, key=self._key(row, Task(prompt, **own)), **own)
        except LLMError as error:
            return BatchResult(index=index, key="", task=Task(prompt), error=error, attempts=0)

    def _key(self, row: Mapping[str, Any], task: Task) -> str:
        """Return what the row is known by wherever, and however often, it is asked: its place is not."""
        if self.key is None:
            return fingerprint(task)
        if row[self.key] is None:
            raise InvalidTask(f"the row has nothing in the column {self.key!r}, which is its key")
        return str(row[self.key])


def _usage(result: BatchResult) -> Usage | None:
    return None if result.response is None else result.response.usage


def _adjustments(result: BatchResult) -> str | None:
    """Return what was not done just as asked, a line each."""
    made = result.response.adjustments if result.response is not None else ()
    return "\n".join(map(str, made)) or None
