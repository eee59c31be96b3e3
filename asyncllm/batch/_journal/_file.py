"""Look at a journal, also while a batch is writing it."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias

import anyio
from anyio.to_thread import run_sync

from asyncllm._sync import synchronous
from asyncllm.errors import JournalError

from ._export import START, WRITERS, Format, as_format, items_after
from ._sqlite import check, reading, says
from ._status import JournalStatus, status_of

if TYPE_CHECKING:
    from sqlite3 import Connection

Place: TypeAlias = str | os.PathLike[str]


class JournalFile:
    """
    A batch's journal, to be looked at: also while the batch is running, in any process.

    Args:
        path: The file that the batch was given as its ``journal``.

        durable:
            For a batch that is given this as its journal: put each commit on the disk
            itself, so that not even a power cut loses one.

        prompts: The same: write down what is asked as well, and not only a hash of it.
    """

    def __init__(self, path: Place, *, durable: bool = False, prompts: bool = False) -> None:
        self.path = Path(os.fsdecode(path)).expanduser()
        self.durable = durable
        self.prompts = prompts

    def __repr__(self) -> str:
        return f"JournalFile({str(self.path)!r})"

    async def astatus(self) -> JournalStatus:
        """
        Return how far the batch is.

        Raises:
            JournalError: The file is no journal, damaged, or a newer asyncllm's.
        """
        return await run_sync(self._status)

    async def aexport(self, out: Place | TextIO, *, format: Format = "jsonl") -> int:  # noqa: A002 - the field's word
        """
        Write all items in the order of their indices; return how many there are.

        They are read a few at a time, however many there are.

        Args:
            out: A path, where the file appears once it is whole; or what is open for text.

            format: ``"jsonl"`` for all there is, an item a line, or ``"csv"`` for a table of the most of it.

        Raises:
            JournalError: The journal cannot be read, or *out* not be written.
            InvalidParameter: There is no such format.
        """
        steps, exported = self._steps(out, as_format(format)), 0
        try:
            while number := await run_sync(next, steps, 0):
                exported += number
        finally:
            with anyio.CancelScope(shield=True):
                await run_sync(steps.close)
        return exported

    status = synchronous(astatus)
    export = synchronous(aexport)

    def _status(self) -> JournalStatus:
        with self._reading() as journal, says(self.path):
            return status_of(self.path, journal)

    def _steps(self, out: Place | TextIO, format: Format) -> Generator[int]:  # noqa: A002 - as above
        """Write a few items at each step, and yield how many."""
        with self._reading() as journal, self._writing(out) as file:
            write, place = WRITERS[format](file), START
            while True:
                with says(self.path):
                    items, place = items_after(journal, place)
                if not items:
                    return

                write(items)
                yield len(items)

    @contextmanager
    def _reading(self) -> Generator[Connection]:
        with says(self.path):
            if not check(self.path):
                raise JournalError(f"the journal {str(self.path)!r} has nothing in it yet")
            journal = reading(self.path)
        with closing(journal):
            yield journal

    @contextmanager
    def _writing(self, out: Place | TextIO) -> Generator[TextIO]:
        if not isinstance(out, str | os.PathLike):
            yield out
            return

        target = Path(os.fsdecode(out)).expanduser()
        if target.exists() and target.samefile(self.path):
            raise JournalError(f"{str(target)!r} is the journal itself; export to another file")
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                yield file
            temporary.replace(target)
        except OSError as exc:
            raise JournalError(f"nothing was exported to {str(target)!r}: {exc.strerror or exc}") from exc
        finally:
            temporary.unlink(missing_ok=True)
