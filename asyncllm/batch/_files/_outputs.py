"""Results, written row by row; by format."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from asyncllm.batch._result import BatchResult

from ._formats import Format
from ._lines import LONGEST
from ._output import Output
from ._parquet_output import ParquetOutput
from ._record import COLUMNS, Record, flat, record


class JSONLines(Output):
    """A row a line, as JSON."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("ab")

    @staticmethod
    def read(path: Path) -> Iterator[Record]:
        return map(json.loads, _whole_lines(path))

    @staticmethod
    def row(result: BatchResult) -> Record:
        return record(result)

    def write(self, rows: Sequence[Record]) -> None:
        self._file.write(encoded(rows))
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class CSV(Output):
    """A row a line, below one with the columns' names."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("ab")
        if not self._file.tell():
            self._write([list(COLUMNS)])

    @staticmethod
    def read(path: Path) -> Iterator[Record]:
        csv.field_size_limit(max(csv.field_size_limit(), LONGEST))
        rows = csv.reader((line.decode() for line in _whole_lines(path)), strict=True)
        names = next(rows, list[str]())
        while True:
            try:
                cells = next(rows, None)
            except csv.Error:  # It was cut within quotes.
                return
            if cells is None:
                return
            yield dict(zip(names, cells, strict=False))

    @staticmethod
    def row(result: BatchResult) -> Record:
        return flat(result)

    def write(self, rows: Sequence[Record]) -> None:
        self._write([[row.get(name) for name in COLUMNS] for row in rows])

    def close(self) -> None:
        self._file.close()

    def _write(self, rows: Iterable[Sequence[Any]]) -> None:
        lines = io.StringIO(newline="")
        csv.writer(lines).writerows(rows)
        self._file.write(lines.getvalue().encode())
        self._file.flush()


OUTPUTS: Mapping[Format, type[Output]] = {"jsonl": JSONLines, "csv": CSV, "parquet": ParquetOutput}


def encoded(rows: Iterable[Record]) -> bytes:
    """Return *rows* as lines of JSON."""
    lines = [json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows]
    # Half of a character is written as JSON's own escape for it.
    return "".join(lines).encode("utf-8", "backslashreplace")


def _whole_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file; one without an end was cut as it was written, and is left out."""
    with path.open("rb") as file:
        yield from (line for line in file if line.endswith(b"\n"))
