"""What must be the same on resuming, or the answers would not belong together."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asyncllm._keys import Keys
from asyncllm.errors import JournalError

from ._known import Counts, Resume
from ._sqlite import library

if TYPE_CHECKING:
    from sqlite3 import Connection

NOTHING = "nothing"
"""How a message calls what is not there."""


def begin(
    journal: Connection, path: Path, identity: Mapping[str, Any], policy: Resume | None, keys: Keys
) -> tuple[int, Counts]:
    """
    Write that a run begins; return its number and what earlier ones left.

    Raises:
        JournalError: They were another batch's, or are not to be taken up.
    """
    told = plain(identity, keys)
    counts = count(journal)
    for (before,) in journal.execute("SELECT identity FROM run ORDER BY id DESC LIMIT 1"):
        _compare(path, json.loads(before), told)
    if policy is None and counts.total:
        raise JournalError(
            f"the journal {str(path)!r} has {counts.total:,} items of an earlier run; "
            "resume it, or use another file"
        )
    row = (time.time(), os.getpid(), library(), json.dumps(told))
    written = journal.execute("INSERT INTO run (created, pid, library, identity) VALUES (?, ?, ?, ?)", row)
    assert written.lastrowid is not None, "SQLite numbers what it inserts"
    return written.lastrowid, counts


def count(journal: Connection) -> Counts:
    """Return how many items there are, by what became of them."""
    return Counts(**dict(journal.execute("SELECT state, count(*) FROM items GROUP BY state")))


def plain(identity: Mapping[str, Any], keys: Keys) -> dict[str, Any]:
    """Return *identity* as JSON has it, without *keys*."""
    told: dict[str, Any] = keys.star(json.loads(json.dumps(dict(identity), default=str)))
    return told


def _compare(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    differs = [name for name in {**before, **now} if _of(before, name) != _of(now, name)]
    if differs:
        told = "; ".join(f"{name} was {_of(before, name)}, and is {_of(now, name)}" for name in differs)
        raise JournalError(
            f"the journal {str(path)!r} is of another batch: {told}. Set it as it was, or use another file"
        )


def _of(identity: Mapping[str, Any], name: str) -> str:
    return json.dumps(identity[name], sort_keys=True) if name in identity else NOTHING
