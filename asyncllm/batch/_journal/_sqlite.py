"""The journal's file as SQLite has it: sound, or refused; and what is wrong, in words."""

from __future__ import annotations

import importlib.metadata
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from asyncllm._registry import OWN
from asyncllm.errors import JournalError

from ._schema import APPLICATION_ID, SCHEMA, VERSION

if TYPE_CHECKING:
    from sqlite3 import Connection

MAGIC = b"SQLite format 3\0"
HEADER = 100
"""Bytes."""
SHAPES = 512
"""Statements that SQLite keeps ready: there is one for each number of rows at a time."""


def create(path: Path) -> None:
    """Make the file, to be read by nobody but its owner, where there is none."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def check(path: Path) -> bool:
    """
    Look at the file's first bytes, before anything opens it that could change it; say whether it has any.

    Raises:
        JournalError: It is no journal, or a newer asyncllm's.
    """
    # Opening a pipe, say, would wait for somebody to write.
    if not stat.S_ISREG(path.stat().st_mode):
        raise JournalError(f"{str(path)!r} is no file")

    with path.open("rb") as file:
        header = file.read(HEADER)
    if not header:  # Made, and nothing written yet.
        return False

    version, application = (int.from_bytes(header[place : place + 4], "big") for place in (60, 68))
    if len(header) < HEADER or not header.startswith(MAGIC) or application != APPLICATION_ID:
        raise JournalError(f"{str(path)!r} is no journal of asyncllm; it is left as it is. Use another file")
    if version > VERSION:
        raise JournalError(
            f"a newer asyncllm wrote the journal {str(path)!r}, as version {version} of the format; "
            f"this one reads {VERSION}"
        )
    return True


def writing(path: Path, *, durable: bool) -> Connection:
    """Return what writes the journal; where there is none, make one."""
    import sqlite3  # noqa: PLC0415 - only who has a journal needs it

    if sqlite3.sqlite_version_info < (3, 37):
        raise JournalError(f"a journal needs SQLite 3.37 or newer; this Python has {sqlite3.sqlite_version}")
    create(path)
    journal = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=SHAPES)
    try:
        _prepare(journal, path, durable=durable)
    except BaseException:
        journal.close()
        raise
    return journal


def reading(path: Path) -> Connection:
    """Return what reads the journal, also while another process writes it, and cannot change it."""
    import sqlite3  # noqa: PLC0415 - as above

    # Not "ro": who may only read cannot tidy up behind itself.
    address = path.absolute().as_uri() + "?mode=rw"
    journal = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    journal.execute("PRAGMA query_only = ON")
    return journal


@contextmanager
def says(path: Path) -> Generator[None]:
    """Raise what SQLite or the system says of the file at *path* as an error of ours."""
    import sqlite3  # noqa: PLC0415 - as above

    try:
        yield
    except sqlite3.Error as exc:
        raise JournalError(f"the journal {str(path)!r} {_words(exc)}") from exc
    except OSError as exc:
        raise JournalError(f"the journal {str(path)!r} cannot be opened: {exc.strerror or exc}") from exc


def library() -> str:
    """Return the version of asyncllm."""
    try:
        return importlib.metadata.version(OWN)
    except importlib.metadata.PackageNotFoundError:  # Run from its sources, without being installed.
        return "unknown"


def _prepare(journal: Connection, path: Path, *, durable: bool) -> None:
    if journal.execute("PRAGMA application_id").fetchone() == (0,):
        # Before WAL, so that the file's own first bytes say what it is.
        journal.executescript(
            f"BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
            f"{SCHEMA} COMMIT;"
        )
    elif (found := journal.execute("PRAGMA quick_check(1)").fetchone()) != ("ok",):
        raise JournalError(f"the journal {str(path)!r} is damaged ({found[0]}); it is left as it is")
    if journal.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
        raise JournalError(f"the journal {str(path)!r} is where SQLite cannot write ahead; use a local disk")
    journal.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")


def _words(exc: Exception) -> str:
    import sqlite3  # noqa: PLC0415 - as above

    code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
    words = {
        sqlite3.SQLITE_FULL: "was not written: the disk is full. What was recorded before is safe; resume "
        "once there is space",
        sqlite3.SQLITE_CORRUPT: "is damaged; it is left as it is",
        sqlite3.SQLITE_NOTADB: "is damaged; it is left as it is",
        sqlite3.SQLITE_READONLY: "is not to be written, or its directory is not",
        sqlite3.SQLITE_CANTOPEN: "cannot be opened: it is not there, or its directory is not to be written",
    }
    return words.get(code, "was not written or read") + f" ({exc})"
