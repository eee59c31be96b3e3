"""
Files that log lines are added to: one line in one piece, whoever else writes there.

Within a process all who name the same file share it. A line is written before
the call that it tells of returns: that takes as long as a copy into the
system's cache, and what had been logged outlives a crash.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import weakref
from collections.abc import Generator, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler, WatchedFileHandler
from pathlib import Path

from asyncllm import _log
from asyncllm.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """When a file is full; without a limit, never."""

    max_bytes: int | None
    backups: int


class LogFile:
    """
    A file that lines are added to; it closes with the last who uses it.

    Args:
        path: Where it is.

        rotation: When it is full.
    """

    def __init__(self, path: Path, rotation: Rotation) -> None:
        self.path = path
        self.rotation = rotation
        limit = rotation.max_bytes
        # The handler must not know this object, or that would never be let go.
        self._handler = (
            _Watched(path, encoding="utf-8")
            if limit is None
            else _Rotating(path, maxBytes=limit, backupCount=rotation.backups, encoding="utf-8")
        )
        weakref.finalize(self, self._handler.close)

    def write(self, line: str) -> None:
        """Add *line*. What goes wrong is said once, where the library's own lines go, and never raised."""
        self._handler.handle(logging.LogRecord("asyncllm", logging.INFO, "", 0, line, None, None))


def real(path: Path) -> Path:
    """
    Return where *path* leads to.

    Raises:
        ConfigurationError: It leads nowhere.
    """
    with _told(path):
        return Path(os.path.realpath(path.expanduser()))


def opened(path: Path, rotation: Rotation) -> LogFile:
    """
    Return the file at *path*, a :func:`real` one, the same for all; its folder is made where there is none.

    Raises:
        ConfigurationError: It cannot be written, or is open and rotates otherwise.
    """
    with _told(path), _lock:
        file = _files.get(path)
        if file is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = _files[path] = LogFile(path, rotation)
    if file.rotation != rotation:
        raise ConfigurationError(
            f"log_file={str(path)!r} is open with max_bytes={file.rotation.max_bytes} and "
            f"backups={file.rotation.backups}: give the same, or let go of it first: disable_logging()"
        )
    return file


@contextmanager
def _told(path: Path) -> Generator[None]:
    try:
        yield
    except (OSError, RuntimeError, ValueError) as exc:  # A ~ of nobody's; a null in the name.
        raise ConfigurationError(f"log_file={str(path)!r} cannot be written: {exc}") from exc


class _Careful(logging.Handler):
    """A handler that never fails who logs, and prints nothing: a disk may be full."""

    _told = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except Exception:  # noqa: BLE001 - a file that was moved may not open again
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        if not self._told:
            self._told = True
            _log.warn(
                "log_file_failed", file=getattr(self, "baseFilename", ""), error=repr(sys.exc_info()[1])
            )

    def close(self) -> None:
        # What could not be written by now is lost, and was told of.
        with suppress(OSError, ValueError):
            super().close()


class _Watched(_Careful, WatchedFileHandler):
    """Follows a file that another program moves away, as logrotate does."""


class _Rotating(_Careful, RotatingFileHandler):
    """Moves a file away when it is full."""


_files: MutableMapping[Path, LogFile] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # Another thread may hold it while the process forks.
    os.register_at_fork(after_in_child=_renew_lock)
