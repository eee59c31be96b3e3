"""Tasks from a file, as a batch takes them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import AsyncIterator
from typing import Self

from asyncllm.batch._task import Task
from asyncllm.errors import InvalidTask, LLMError

from ._formats import format_of
from ._rows import READERS, Row

REMEMBERED = 100_000
"""Of so many keys it is known on which line they stand: memory has an end, a file need not."""


class TaskFile(AsyncIterator[Task]):
    """The tasks in a file, one after the other; read as they are taken."""

    def __init__(self, path: str, kind: str | None) -> None:
        self._path = path
        self._format = format_of(path, kind)
        self._rows = READERS[self._format](path)
        self._ready: deque[Row] = deque()
        self._places: dict[int, int] = {}
        """By the hashes of the keys that have come, on which line each was."""
        self._count = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Task:
        while not self._ready:
            rows = await self._next()
            if rows is None:
                raise StopAsyncIteration
            self._ready.extend(rows)
        row = self._ready.popleft()
        try:
            task = row.task()
            self._check(str(self._count) if task.key is None else task.key, row.number)
        except (LLMError, TypeError) as exc:  # No parameter can be called "self".
            raise InvalidTask(f"{self._place(row.number)}: {exc}") from exc
        self._count += 1
        return task

    async def _next(self) -> list[Row] | None:
        try:
            rows = await self._rows.next()
        except InvalidTask as exc:
            raise InvalidTask(f"{self._path}: {exc}") from exc
        return None if rows is None else list(rows)

    def _check(self, key: str, number: int) -> None:
        """Raise where *key* was that of an earlier task: no journal could tell the two apart."""
        first = self._places.get(hash(key))
        if first is not None:
            raise InvalidTask(f"its key {key!r:.60} is that of {self._unit} {first} too")
        if len(self._places) < REMEMBERED:
            self._places[hash(key)] = number

    @property
    def _unit(self) -> str:
        return "row" if self._format == "parquet" else "line"

    def _place(self, number: int) -> str:
        return f"{self._path}, {self._unit} {number}"


def read_tasks(path: str | os.PathLike[str], *, format: str | None = None) -> TaskFile:  # noqa: A002 - the field's word
    """
    Return the tasks in a file, for :meth:`LLM.abatch`; they are read only as fast as they are taken.

    ::

        async with llm.abatch(read_tasks("tasks.jsonl")) as results: ...

    The file has a task in each line or row:

    * JSON lines (``.jsonl``): a text, or an object with ``prompt`` or ``messages``, a
      ``key`` (or ``id``, ``custom_id``), and parameters by name. A line of an OpenAI
      batch will do too; the model in it is left aside.
    * Plain lines (``.txt``): a prompt each.
    * Tables (``.csv``, ``.parquet``): a column ``prompt``, and others of the names above.
      An empty cell says nothing. Parquet needs the ``parquet`` extra.

    Args:
        path: The file; ``"-"`` is standard input.

        format: ``"jsonl"``, ``"txt"``, ``"csv"`` or ``"parquet"``, where the name does not say it.

    Raises:
        InvalidParameter: The format is not known.
        InvalidTask: As it is read: the file cannot be, or a line is no task, or has the
            key of an earlier one (of the first 100,000). The error names the line.
    """
    return TaskFile(os.fspath(path), format)
