"""
One process at a time writes a journal.

The lock is SQLite's own, on an empty file beside the journal, so it holds on every
system and ends with the process that has it, however that ends. It is not on the
journal itself: there it would keep out who only wants to look.
"""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from asyncllm.errors import JournalError

from ._sqlite import create, reading, says

if TYPE_CHECKING:
    from sqlite3 import Connection

PATIENCE = 1.0
"""Seconds: who only asks whether the lock is free has it for a moment."""


def lock(path: Path) -> Connection:
    """
    Return what holds the lock of the journal at *path* until it is closed.

    Raises:
        JournalError: Another process has it, or this one already.
    """
    held = _take(path, PATIENCE)
    if held is None:
        owner = owner_of(path)
        who = "" if owner is None else f" (process {owner})"
        raise JournalError(
            f"another batch{who} is writing the journal {str(path)!r}; wait for its end, or use another file"
        )
    return held


def is_locked(path: Path) -> bool:
    """Say whether a batch is writing the journal at *path*."""
    if not _beside(path).exists():
        return False

    held = _take(path, 0.0)
    if held is not None:
        held.close()
    return held is None


def owner_of(path: Path) -> int | None:
    """Return the process that wrote the journal last, or None where that cannot be told."""
    with suppress(JournalError), says(path), closing(reading(path)) as journal:
        for (pid,) in journal.execute("SELECT pid FROM run ORDER BY id DESC LIMIT 1"):
            return int(pid)
    return None


def _take(path: Path, patience: float) -> Connection | None:
    import sqlite3  # noqa: PLC0415 - only who has a journal needs it

    create(_beside(path))
    held = sqlite3.connect(_beside(path), timeout=patience, isolation_level=None, check_same_thread=False)
    try:
        held.execute("PRAGMA journal_mode = MEMORY")  # No third file: nothing is ever written to this one.
        held.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as exc:
        held.close()
        if exc.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            return None
        raise
    return held


def _beside(path: Path) -> Path:
    return path.with_name(path.name + "-lock")
