"""Batches on the provider's side: which were planned, which submitted, and what is in them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from asyncllm.errors import JournalError

from ._known import Remote

if TYPE_CHECKING:
    from sqlite3 import Connection


def plan(journal: Connection, tag: str, keys: Sequence[str]) -> None:
    """Write that a batch is about to be submitted."""
    row = (tag, time.time(), json.dumps(list(keys)))
    journal.execute("INSERT INTO remote (tag, state, created, keys) VALUES (?, 'planned', ?, ?)", row)


def submit(journal: Connection, tag: str, provider_id: str) -> None:
    """Write what the provider calls the batch."""
    _move(journal, "UPDATE remote SET state = 'submitted', id = ? WHERE tag = ?", tag, provider_id)


def end(journal: Connection, tag: str) -> None:
    """Write that there is nothing more to be had of the batch."""
    _move(journal, "UPDATE remote SET state = 'ended' WHERE tag = ?", tag)


def listed(journal: Connection) -> tuple[Remote, ...]:
    """Return all of them, in the order in which they were planned."""
    rows = journal.execute(
        "SELECT tag, id, state, created, keys, ("
        " SELECT json_group_array(items.key) FROM json_each(remote.keys) AS planned"
        " JOIN items ON items.key = planned.value WHERE items.state = 'done'"
        ") FROM remote ORDER BY rowid"
    )
    return tuple(
        Remote(
            tag=tag,
            id=provider_id,
            state=state,
            created=created,
            keys=tuple(json.loads(keys)),
            done=tuple(json.loads(done)),
        )
        for tag, provider_id, state, created, keys, done in rows
    )


def _move(journal: Connection, change: str, tag: str, *values: str) -> None:
    if not journal.execute(change, (*values, tag)).rowcount:
        raise JournalError(f"the journal knows no batch of the provider by the tag {tag!r}; plan it first")
