"""
What earlier runs left, given out task by task.

Tasks mostly come in the order of last time: so a look for one brings those behind
it along, and once all have been given out there is nothing more to look for.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import anyio
from anyio.to_thread import run_sync

from asyncllm.errors import JournalError

from ._known import Known, Resume, State, Then
from ._plain import error_of, of_item, response_of, timing_of
from ._rows import another_task, there_twice
from ._sqlite import reading, says

if TYPE_CHECKING:
    from sqlite3 import Connection

AHEAD = 100
"""Rows that are read at a time."""


class Row(NamedTuple):
    """What the file has of an item."""

    rowid: int
    key: str
    idx: int
    state: State
    fingerprint: str
    attempts: int
    timing: str | None
    error: str | None
    response: str | None


COLUMNS = ", ".join(Row._fields)


class Earlier:
    """The items that runs before this one have sent."""

    def __init__(self, path: Path, run: int, policy: Resume) -> None:
        self._path = path
        self._run = run
        self._policy = policy
        self._turn = anyio.Lock(fast_acquire=True)
        self._thread = anyio.CapacityLimiter(1)
        self._ahead: dict[str, Row] = {}
        self._journal: Connection | None = None
        self._given = bytearray()
        """A bit for each row of the file."""
        self._left = 0

    async def open(self) -> None:
        """Begin to read."""
        await run_sync(self._open, limiter=self._thread)

    async def aclose(self) -> None:
        """Close the file."""
        with anyio.CancelScope(shield=True):
            async with self._turn:
                if self._journal is not None:
                    await run_sync(self._journal.close, limiter=self._thread)

    def forget(self, key: str) -> None:
        """Give no more of an item: it is this run's now."""
        self._ahead.pop(key, None)

    async def known(self, key: str, fingerprint: str) -> Known | None:
        """
        Return what is known of an item.

        Raises:
            JournalError: The key stood for another task, or the file is damaged.
        """
        if not self._left:
            return None

        row = self._ahead.pop(key, None) or await self._looked_up(key)
        if row is None:
            return None
        if row.fingerprint != fingerprint:
            raise another_task(key)
        if self._is_given(row.rowid):
            raise there_twice(key)

        self._given[row.rowid // 8] |= 1 << row.rowid % 8
        self._left -= 1
        return self._told(row)

    async def _looked_up(self, key: str) -> Row | None:
        async with self._turn:
            if key not in self._ahead:
                self._ahead = await run_sync(self._read, key, limiter=self._thread)
            return self._ahead.pop(key, None)

    def _open(self) -> None:
        with says(self._path):
            self._journal = reading(self._path)
            query = "SELECT count(*), max(rowid) FROM items"
            self._left, last = self._journal.execute(query).fetchone()
        self._given = bytearray((last or 0) // 8 + 1)

    def _read(self, key: str) -> dict[str, Row]:
        """Return the row of *key*, and some behind it."""
        with says(self._path):
            found = self._rows("key = ?", key)
            behind = self._rows("idx > ?", found[0].idx) if found else []
        return {row.key: row for row in (*(row for row in behind if not self._is_given(row.rowid)), *found)}

    def _rows(self, which: str, value: str | int) -> list[Row]:
        """Return the first rows, in order; as one, since each step of SQLite's waits for Python's lock."""
        assert self._journal is not None, "it was opened"
        rows = f"SELECT rowid, * FROM items WHERE run < ? AND {which} ORDER BY idx LIMIT ?"  # noqa: S608 - ours
        query = f"SELECT json_group_array(json_array({COLUMNS})) FROM ({rows})"  # noqa: S608 - as above
        (found,) = self._journal.execute(query, (self._run, value, AHEAD)).fetchone()
        return [Row(*row) for row in json.loads(found)]

    def _told(self, row: Row) -> Known:
        then = self._policy.then(row.state)
        with of_item(row.key):
            return Known(
                state=row.state,
                then=then,
                response=None if row.response is None else response_of(row.response),
                error=self._unknown(row, then) if row.error is None else error_of(row.error),
                attempts=row.attempts,
                timing=None if row.timing is None else timing_of(row.timing),
            )

    def _unknown(self, row: Row, then: Then) -> JournalError | None:
        if row.state != "maybe_billed" or then != "yield":
            return None

        return JournalError(
            f"the task {row.key!r} was sent before, and what came of it is not known: it may have been "
            "paid for"
        )

    def _is_given(self, rowid: int) -> bool:
        return bool(self._given[rowid // 8] & 1 << rowid % 8)
