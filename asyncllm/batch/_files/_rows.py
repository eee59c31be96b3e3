"""The rows of a file, each of which is a task, by the file's format."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from asyncllm.batch._task import Task
from asyncllm.errors import InvalidTask

from ._blocks import Blocks
from ._formats import Format
from ._lines import LONGEST, Line, Lines
from ._parquet import ParquetReader
from ._task_of import of_cells, of_json, of_text, of_texts


class Row(NamedTuple):
    """A row of a file."""

    number: int
    """That of the line on which it begins; where there are no lines its own. From 1 on."""
    task: Callable[[], Task]
    """Makes the task of it, or raises what is wrong with it."""


class Rows(Protocol):
    """The rows of a file."""

    async def next(self) -> Sequence[Row] | None:
        """Wait for some further ones; None is the end."""
        ...


class OfLines:
    """A task a line; empty lines are none."""

    def __init__(self, path: str, make: Callable[[Line], Task]) -> None:
        self._lines = Lines(Blocks(path))
        self._make = make

    async def next(self) -> Sequence[Row] | None:
        lines = await self._lines.next()
        rows = [Row(line.number, partial(self._make, line)) for line in lines if line.data.strip()]
        return rows if lines else None


class OfCSV:
    """The rows of a table of texts, below a row with the columns' names."""

    def __init__(self, path: str) -> None:
        self._lines = Lines(Blocks(path))
        self._open: list[Line] = []
        """Lines that have come, of a row whose quotes are not closed."""
        self._quotes = self._size = 0
        self._names: list[str] | None = None

    async def next(self) -> Sequence[Row] | None:
        lines = await self._lines.next()
        rows: list[Row] = []
        for line in lines:
            self._open.append(line)
            self._quotes += line.data.count(b'"')
            self._size += len(line.data)
            # What is quoted may hold the ends of lines, and its quotes are even in number.
            if self._quotes % 2 == 0 or self._size > LONGEST:
                rows += self._closed()
        if not lines and self._open:
            rows += self._closed()
        return rows if lines or rows else None

    def _closed(self) -> Sequence[Row]:
        lines, self._open, self._quotes, self._size = self._open, [], 0, 0
        number = lines[0].number
        csv.field_size_limit(max(csv.field_size_limit(), LONGEST))
        try:
            found = list(csv.reader([line.text + "\n" for line in lines], strict=True))
        except (csv.Error, InvalidTask) as exc:
            raise InvalidTask(f"line {number}: it is no row of a table: {exc}") from exc
        filled = [cells for cells in found if cells]
        if filled and self._names is None:
            self._names, *filled = filled
        return [Row(number, partial(self._task, cells)) for cells in filled]

    def _task(self, cells: Sequence[str]) -> Task:
        assert self._names is not None, "they are read before any other row"
        if len(cells) != len(self._names):
            raise InvalidTask(f"it has {len(cells)} cells, and the table {len(self._names)} columns")
        return of_texts(dict(zip(self._names, cells, strict=True)))


class OfParquet:
    """The rows of a Parquet file."""

    def __init__(self, path: str) -> None:
        self._reader = ParquetReader(path)
        self._number = 0

    async def next(self) -> Sequence[Row] | None:
        found = await self._reader.next()
        if found is None:
            return None

        self._number += len(found)
        first = self._number - len(found) + 1
        return [Row(number, partial(of_cells, cells)) for number, cells in enumerate(found, first)]


READERS: Mapping[Format, Callable[[str], Rows]] = {
    "jsonl":   partial(OfLines, make=of_json),
    "txt":     partial(OfLines, make=of_text),
    "csv":     OfCSV,
    "parquet": OfParquet,
}  # fmt: skip
