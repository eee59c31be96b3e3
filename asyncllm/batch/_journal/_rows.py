"""
Rows of a journal, many at a time.

A statement takes as many rows as there are: SQLite gives Python's lock away for
each step, and who has an event loop to run is slow to give it back.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeAlias

from asyncllm.errors import JournalError

from ._known import State
from ._schema import INTENT, OUTCOME

if TYPE_CHECKING:
    from sqlite3 import Connection

AT_A_TIME = 200
"""Rows of one statement."""

STATE = OUTCOME.index("state")

Row: TypeAlias = tuple[Any, ...]
Change: TypeAlias = dict[State, int]
"""By how much the number of items in each state changed."""


def intend(journal: Connection, run: int, rows: Mapping[str, Row], change: Change) -> dict[str, JournalError]:
    """Write that items are about to be sent; return which of them must not be, and why."""
    refused: dict[str, JournalError] = {}
    for keys in _several(rows):
        marks = ",".join("?" * len(keys))
        query = f"SELECT key, fingerprint, run, state FROM items WHERE key IN ({marks})"  # noqa: S608 - marks
        for key, fingerprint, when, state in journal.execute(query, keys):
            if fingerprint != _named(rows[key])["fingerprint"]:
                refused[key] = another_task(key)
            elif when == run or state == "done":
                refused[key] = there_twice(key)
            else:
                change[state] -= 1
    _put(journal, INTENT, [row for key, row in rows.items() if key not in refused])
    change["maybe_billed"] += len(rows) - len(refused)
    return refused


def record(journal: Connection, rows: Mapping[str, Row], change: Change) -> None:
    """Write what became of items."""
    for keys in _several(rows):
        marks = ",".join("?" * len(keys))
        query = f"SELECT state, count(*) FROM items WHERE key IN ({marks}) GROUP BY state"  # noqa: S608 - marks
        for state, number in journal.execute(query, keys):
            change[state] -= number
    _put(journal, OUTCOME, rows.values())
    for row in rows.values():
        change[row[STATE]] += 1


def another_task(key: str) -> JournalError:
    """Return the error of a key that stood for another task."""
    return JournalError(
        f"the task {key!r} is not the one that the journal has under this key: its prompt or its parameters "
        "changed; give it another key, or use another journal"
    )


def there_twice(key: str) -> JournalError:
    """Return the error of a key that two tasks have."""
    return JournalError(f"the key {key!r} is there twice; each task needs one of its own")


def _put(journal: Connection, columns: Sequence[str], rows: Collection[Row]) -> None:
    for several in _several(rows):
        journal.execute(_upsert(tuple(columns), len(several)), [*chain.from_iterable(several)])


@functools.cache
def _upsert(columns: tuple[str, ...], number: int) -> str:
    row = f"({','.join('?' * len(columns))})"
    news = ",".join(f"{name}=excluded.{name}" for name in columns if name != "key")
    return (
        f"INSERT INTO items ({','.join(columns)}) VALUES {','.join([row] * number)} "  # noqa: S608 - our own names
        f"ON CONFLICT (key) DO UPDATE SET {news}"
    )


def _named(row: Row) -> dict[str, Any]:
    return dict(zip(INTENT, row, strict=True))


def _several(rows: Collection[Any]) -> Iterator[list[Any]]:
    rest = iter(rows)
    while several := list(islice(rest, AT_A_TIME)):
        yield several
