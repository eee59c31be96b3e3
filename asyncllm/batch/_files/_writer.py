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
from ._output import Output, begun_anew, unfinished
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
    the block ends, however it does.

    Nothing changes before the first results: until they are written, the file is as it
    was, or is not there, and so it remains where none come.

    Args:
        path: The file; its name says the format. ``"-"`` is standard output, as JSON lines.

        resume:
            Add to what is there. Errors are taken out of it, since a journal that goes on
            tries them again, and so is a last row that was cut; a result that is there is
            not written twice.

        force: Begin anew, even where a file is there; the first results take its place.

    Raises:
        InvalidParameter: The format is not known, or cannot be written.
        ConfigurationError: As the block begins: the file is there, or cannot be opened.
        JournalError: What is there are no results, or those of other tasks.
    """

    def __init__(self, path: str | os.PathLike[str], *, resume: bool = False, force: bool = False) -> None:
        self._path = Path(path)
        self._part = unfinished(self._path)
        self._standard = os.fspath(path) == STANDARD
        self._resume, self._force = resume, force
        self._there = There(os.fspath(path))
        self._output: Output | None = None
        self._is_apart = True
        """Whether rows go to the file that is to take the other's place."""
        self._has_results = False
        self._was_killed = False
        """Whether whoever began anew was, before results took the old ones' place: those stay unwanted."""
        kind = format_of(os.fspath(path))
        if kind not in OUTPUTS:
            raise InvalidParameter(f"results are written as {', '.join(OUTPUTS)}; got {kind}")
        self._kind = OUTPUTS[kind]

    async def __aenter__(self) -> Self:
        if not self._standard:
            try:
                self._output = await run_sync(self._prepared)
            except OSError as exc:
                raise ConfigurationError(f"{str(self._path)!r} cannot be written: {exc.strerror}") from exc
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._output is not None:
            with anyio.CancelScope(shield=True):
                await run_sync(self._close, self._output)

    async def write(self, results: Sequence[BatchResult]) -> None:
        """Write *results*; once begun it is done, even where it is cancelled."""
        # They were taken from the batch: nobody else has them.
        with anyio.CancelScope(shield=True):
            await run_sync(self._write, results)

    def _write(self, results: Sequence[BatchResult]) -> None:
        if self._output is None:
            sys.stdout.write(encoded(map(record, results)).decode())
            sys.stdout.flush()
            return

        new = [each for each in results if self._there.add(each.index, each.key)]
        self._output.write([self._output.row(each) for each in new])
        self._has_results = True
        if self._is_apart and not self._kind.whole:
            self._output.close()
            self._put_in_place()
            self._output = self._kind(self._path)

    def _prepared(self) -> Output:
        """Return what rows go to: a file beside the other, which shows that there can be one."""
        if self._path.is_dir():
            raise ConfigurationError(f"{str(self._path)!r} cannot be written: it is a folder")
        is_there = self._path.exists()
        if is_there and not (self._resume or self._force):
            raise ConfigurationError(
                f"{str(self._path)!r} is there already: go on with it (--resume, with a journal), "
                "or write it anew (--force)"
            )
        anew = begun_anew(self._path)
        self._was_killed = is_there and anew.exists()
        goes_on = is_there and self._resume and not self._was_killed
        if is_there and not goes_on:
            self._part = anew
        self._part.unlink(missing_ok=True)
        output = self._kind(self._part)
        try:
            if goes_on:
                self._copy(output)
        except BaseException:
            self._close(output)
            raise
        return output

    def _put_in_place(self) -> None:
        self._part.replace(self._path)
        self._is_apart = False

    def _close(self, output: Output) -> None:
        output.close()
        if self._is_apart and self._has_results:
            self._put_in_place()
        elif self._is_apart and not self._was_killed:
            self._part.unlink()

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
