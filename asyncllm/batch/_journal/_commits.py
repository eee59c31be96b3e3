"""
Write what many tasks bring at once in one transaction.

The first to come while another transaction is written leads the next: it waits for
that to end, takes all who came meanwhile along, and wakes them together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import anyio
from anyio.to_thread import run_sync

from asyncllm.errors import JournalError

from ._known import Counts
from ._rows import Change, Row, intend, record, there_twice
from ._sqlite import says

if TYPE_CHECKING:
    from sqlite3 import Connection

Act: TypeAlias = "Callable[[Connection], object]"


@dataclass(slots=True)
class Group:
    """What is written in one transaction."""

    intents: dict[str, Row] = field(default_factory=dict[str, Row])
    outcomes: dict[str, Row] = field(default_factory=dict[str, Row])
    acts: list[Act] = field(default_factory=list[Act])
    refused: dict[str, JournalError] = field(default_factory=dict[str, JournalError])
    """The keys that were not written, and why."""
    failure: JournalError | None = None
    """Why nothing of it was written."""
    is_led: bool = False
    """Whether somebody sees to it that it is written."""
    is_over: bool = False
    """Whether it was written, or failed."""
    news: anyio.Event = field(default_factory=anyio.Event)
    """Set once it is over, or its leader has gone."""


class Commits:
    """
    The one writer of a journal.

    Who is cancelled while it waits leaves what it brought behind, to be written all
    the same; the first of a group waits for the end, since the others rely on it.
    """

    def __init__(self, journal: Connection, path: Path, run: int, counts: Counts) -> None:
        self._journal = journal
        self._path = path
        self._run = run
        self._turn = anyio.Lock()
        self._thread = anyio.CapacityLimiter(1)
        self._one_thread = threading.Lock()
        self._gathering = Group()
        self._closed = False
        self.counts = counts

    async def intend(self, key: str, row: Row) -> None:
        """Return once it is on the disk that the item is about to be sent."""
        group = self._group()
        if key in group.intents:
            raise there_twice(key)
        group.intents[key] = row
        await self._written(group)
        if key in group.refused:
            raise group.refused[key]

    async def record(self, key: str, row: Row) -> None:
        """Return once it is on the disk what became of the item."""
        group = self._group()
        group.outcomes[key] = row
        await self._written(group)

    async def act(self, act: Act) -> None:
        """Return once what *act* does is on the disk."""
        group = self._group()
        group.acts.append(act)
        await self._written(group)

    async def aclose(self) -> None:
        """Write what is still to be written, and close the file."""
        with anyio.CancelScope(shield=True):
            async with self._turn:
                self._closed = True
                await run_sync(self._close, limiter=self._thread)

    def _group(self) -> Group:
        if self._closed:
            raise JournalError(f"the journal {str(self._path)!r} is closed")
        return self._gathering

    async def _written(self, group: Group) -> None:
        while not group.is_over:
            if group.is_led:
                await group.news.wait()
            else:
                await self._lead(group)
        if group.failure is not None:
            raise JournalError(str(group.failure)) from group.failure

    async def _lead(self, group: Group) -> None:
        group.is_led = True
        try:
            with anyio.CancelScope(shield=True):
                async with self._turn:
                    if self._gathering is group:
                        self._gathering = Group()
                    await run_sync(self._write, group, limiter=self._thread)
        finally:
            # Not over: asyncio's own cancelling stops at no shield. Another leads then.
            group.is_led = group.is_over
            group.news.set()
            group.news = anyio.Event()

    def _write(self, group: Group) -> None:
        # Who was stopped so may have left a thread behind that still writes.
        with self._one_thread:
            if not group.is_over:
                self._settle(group)
                group.is_over = True

    def _close(self) -> None:
        with self._one_thread:
            self._journal.close()

    def _settle(self, group: Group) -> None:
        change: Change = {"done": 0, "failed": 0, "maybe_billed": 0}
        try:
            with says(self._path):
                self._commit(group, change)
        except JournalError as exc:
            group.failure = exc
            return
        self.counts = Counts(
            done=self.counts.done + change["done"],
            failed=self.counts.failed + change["failed"],
            maybe_billed=self.counts.maybe_billed + change["maybe_billed"],
        )

    def _commit(self, group: Group, change: Change) -> None:
        self._journal.execute("BEGIN IMMEDIATE")
        try:
            group.refused = intend(self._journal, self._run, group.intents, change)
            record(self._journal, group.outcomes, change)
            for act in group.acts:
                act(self._journal)
            self._journal.execute("COMMIT")
        except BaseException:
            # A full disk may have ended the transaction by itself.
            if self._journal.in_transaction:
                self._journal.execute("ROLLBACK")
            raise
