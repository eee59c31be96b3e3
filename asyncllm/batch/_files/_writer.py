"""Results into a file, each exactly once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
from anyio.to_thread import run_sync

from asyncllm.batch._result import BatchResult
from asyncllm.errors import ConfigurationError, InvalidParameter, JournalError

from ._formats import STANDARD, format_of
from ._output import Output, unfinished
from ._outputs import OUTPUTS, encoded
from ._record import Record, has_failed, record
from ._there import There

AT_ONCE = 1024
"""Rows that are copied together."""


class ResultFile:
    """
    A file that results are written to, as a context.

    ::

        async with ResultFile("results.jsonl") as file:
            async for result in results:
                await file.write([result])

    What is written stays, whatever happens to this process; a Parquet file is there when
    the block ends.

    Args:
        path: The file; its name says the format. ``"-"`` is standard output, as JSON lines.

        resume:
            Add to what is there. Errors are taken out of it, since a journal that goes on
            tries them again, and so is a last row that was cut; a result that is there is
            not written twice.

        force: Begin anew, even where a file is there.

    Raises:
        InvalidParameter: The format is not known, or cannot be written.
        ConfigurationError: As the block begins: the file is there, or cannot be opened.
        JournalError: What is there are no results, or those of other tasks.
    """

    def __init__(self, path: str | os.PathLike[str], *, resume: bool = False, force: bool = False) -> None:
        self._path = Path(path)
        self._standard = os.fspath(path) == STANDARD
        self._resume, self._force = resume, force
        self._there = There(os.fspath(path))
        self._output: Output | None = None
        kind = format_of(os.fspath(path))
        if kind not in OUTPUTS:
            raise InvalidParameter(f"results are written as {', '.join(OUTPUTS)}; got {kind}")
        self._kind = OUTPUTS[kind]

    async def __aenter__(self) -> Self:
        if not self._standard:
            try:
                self._output = await run_sync(self._opened)
            except OSError as exc:
                raise ConfigurationError(f"{str(self._path)!r} cannot be written: {exc.strerror}") from exc
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._output is not None:
            with anyio.CancelScope(shield=True):
                await run_sync(self._output.close)

    async def write(self, results: Sequence[BatchResult]) -> None:
        """Write *results*; once begun it is done, even where it is cancelled."""
        # They were taken from the batch: nobody else has them.
        with anyio.CancelScope(shield=True):
            await run_sync(self._write, results)

    def _write(self, results: Sequence[BatchResult]) -> None:
        if self._output is None:
            sys.stdout.write(encoded(map(record, results)).decode())
            sys.stdout.flush()
        else:
            new = [each for each in results if self._there.add(each.index, each.key)]
            self._output.write([self._output.row(each) for each in new])

    def _opened(self) -> Output:
        if self._path.exists() and not (self._resume or self._force):
            raise ConfigurationError(
                f"{str(self._path)!r} is there already: go on with it (--resume, with a journal), "
                "or write it anew (--force)"
            )
        if not self._resume or not self._path.exists():
            self._path.unlink(missing_ok=True)
            return self._kind(self._path)
        if self._kind.whole:
            output = self._kind(self._path)
            self._copy(output)
            return output

        part = unfinished(self._path)
        part.unlink(missing_ok=True)
        output = self._kind(part)
        try:
            self._copy(output)
        finally:
            output.close()
        part.replace(self._path)
        return self._kind(self._path)

    def _copy(self, output: Output) -> None:
        """Write to *output* what is worth keeping of what is there."""
        rows: list[Record] = []
        for row in self._kept():
            rows.append(row)
            if len(rows) >= AT_ONCE:
                output.write(rows)
                rows = []
        output.write(rows)

    def _kept(self) -> Iterator[Record]:
        try:
            for row in self._kind.read(self._path):
                if not has_failed(row) and self._there.add(int(row["index"]), row["key"]):
                    yield row
        except (ValueError, TypeError, LookupError, AttributeError) as exc:
            raise JournalError(f"{str(self._path)!r} holds no results that could be gone on with") from exc
