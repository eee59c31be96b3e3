"""How far a batch is, as its journal tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _remotes
from ._identity import count
from ._known import Counts, Remote
from ._lock import is_locked

if TYPE_CHECKING:
    from sqlite3 import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalStatus:
    """How far a batch is."""

    running: int | None
    """The process that is writing the journal; None where none is."""
    done: int
    failed: int
    in_flight: int
    """Items that the running process has sent and not ended."""
    maybe_billed: int
    """Items that an earlier run sent and did not end: they may have been paid for."""
    input_tokens: int
    """Tokens of prompts, as far as the provider told."""
    output_tokens: int
    """Tokens of answers, as far as the provider told."""
    runs: int
    """How often the batch was begun or resumed."""
    created: datetime | None
    first: datetime | None
    """When the first item of those in the journal was sent."""
    last: datetime | None
    """When the last outcome was recorded."""
    identity: Mapping[str, Any]
    """What must be the same on resuming."""
    library: str
    """The version of asyncllm that wrote it last."""
    remotes: tuple[Remote, ...] = ()
    """Batches on the provider's side."""

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as what JSON can hold; of the provider's batches, how many items they have."""
        times = {name: _iso(getattr(self, name)) for name in ("created", "first", "last")}
        remotes = [{**asdict(replace(each, keys=())), "keys": len(each.keys)} for each in self.remotes]
        return {**asdict(replace(self, remotes=())), **times, "remotes": remotes}


def status_of(path: Path, journal: Connection) -> JournalStatus:
    """Return how far the batch is whose journal is at *path*."""
    run = (
        "SELECT id, pid, library, identity, (SELECT min(created) FROM run) FROM run ORDER BY id DESC LIMIT 1"
    )
    # Killed as it was made, it may have no run yet.
    number, pid, library, identity, created = journal.execute(run).fetchone() or (0, 0, "", "{}", None)
    counts: Counts = count(journal)
    sums = "SELECT total(input_tokens), total(output_tokens), min(intended), max(ended) FROM items"
    taken, given, first, last = journal.execute(sums).fetchone()
    running = is_locked(path)
    sent = "SELECT count(*) FROM items WHERE state = 'maybe_billed' AND run = ?"
    in_flight = journal.execute(sent, (number,)).fetchone()[0] if running else 0
    return JournalStatus(
        running=pid if running else None,
        done=counts.done,
        failed=counts.failed,
        in_flight=in_flight,
        maybe_billed=counts.maybe_billed - in_flight,
        input_tokens=int(taken),
        output_tokens=int(given),
        runs=number,
        created=_time(created),
        first=_time(first),
        last=_time(last),
        identity=json.loads(identity),
        library=library,
        remotes=_remotes.listed(journal),
    )


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _iso(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat(timespec="seconds")
