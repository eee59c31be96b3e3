"""Results as a Parquet file."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from asyncllm.batch._result import BatchResult

from . import _parquet
from ._output import Output
from ._record import COLUMNS, Record, flat


class ParquetOutput(Output):
    """Rows in groups; before its end, such a file cannot be read."""

    whole = True

    def __init__(self, path: Path) -> None:
        arrow: Any = _parquet.parquet() and importlib.import_module("pyarrow")
        kinds = {int: arrow.int64(), float: arrow.float64(), str: arrow.string()}
        self._schema = arrow.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
        self._table = arrow.Table.from_pylist
        self._writer = _parquet.parquet().ParquetWriter(path, self._schema)
        self._rows: list[Record] = []

    @staticmethod
    def read(path: Path) -> Iterator[Record]:
        return chain.from_iterable(_parquet.rows(str(path)))

    @staticmethod
    def row(result: BatchResult) -> Record:
        return flat(result)

    def write(self, rows: Sequence[Record]) -> None:
        self._rows += rows
        if len(self._rows) >= _parquet.AT_ONCE:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._table(self._rows, schema=self._schema))
            self._rows = []
