"""Parquet, where pyarrow is there to read and write it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from anyio.to_thread import run_sync

from asyncllm.errors import ConfigurationError, InvalidTask

from ._formats import STANDARD

AT_ONCE = 1024
"""Rows that are read together."""


def parquet() -> Any:
    """
    Return ``pyarrow.parquet``.

    Raises:
        ConfigurationError: It is not installed.
    """
    try:
        return importlib.import_module("pyarrow.parquet")
    except ImportError as exc:
        raise ConfigurationError(
            "Parquet files need pyarrow: pip install 'asyncllm-framework[parquet]'"
        ) from exc


def rows(path: str) -> Iterator[Sequence[Mapping[str, Any]]]:
    """
    Yield the rows of the file at *path*, some at a time.

    Raises:
        InvalidTask: It cannot be read.
    """
    if path == STANDARD:
        raise InvalidTask("a Parquet file is not read from standard input: its end is read first")
    library = parquet()
    try:
        with library.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=AT_ONCE):
                yield batch.to_pylist()
    except (OSError, ValueError) as exc:  # An ArrowInvalid is a ValueError.
        raise InvalidTask(f"the rows in {path!r} cannot be read: {exc}") from exc


class ParquetReader:
    """The rows of a Parquet file, read in a worker thread."""

    def __init__(self, path: str) -> None:
        self._rows = rows(path)

    async def next(self) -> Sequence[Mapping[str, Any]] | None:
        """Wait for further ones; None is the end."""
        return await run_sync(next, self._rows, None)
