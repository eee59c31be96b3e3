"""
The file of a checkpoint: whole, or not there; and sound, or refused.

It is JSON that people can read, and says what it is (``format``), how it is to be
read (``version``) and what it must come to (``sha256``).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, cast

from asyncllm._registry import OWN
from asyncllm.errors import CheckpointError

from ._state_file import STATE, beside, described

FORMAT = "asyncllm-checkpoint"
VERSION = 1
LARGEST = 64 * 2**20
"""Bytes: what is larger is neither written nor read."""
ABANDONED = 3600.0
"""Seconds: who has not written a file to its end by then is no more."""

_UNFINISHED = re.compile(r"\.checkpoint-\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}\.(json|kv)\.tmp")


def write(directory: Path, content: Mapping[str, Any], saved: datetime, state: bytes | None = None) -> Path:
    """
    Write *content* to a new file in *directory* and return its path; the names sort by time.

    Only its owner can read the file, since prompts are in it. The model's *state*,
    if any, is in a file beside it, and there first.

    Raises:
        CheckpointError: The content or the directory does not take it; no file is left behind.
    """
    try:
        stamp = saved.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        # Of two in one microsecond neither may overwrite the other.
        path = directory / f"checkpoint-{stamp}-{os.urandom(4).hex()}.json"
        extra = {} if state is None else {STATE: described(path, state)}
        sealed = _sealed({**content, **extra})
        directory.mkdir(parents=True, exist_ok=True)
        _put_both(path, sealed, state)
    except (OSError, ValueError, TypeError, RecursionError) as exc:
        raise CheckpointError(f"no checkpoint was saved in {str(directory)!r}: {_reason(exc)}") from exc
    return path


def read(path: Path) -> dict[str, Any]:
    """
    Return the content of the checkpoint at *path*.

    Raises:
        CheckpointError: It cannot be read, or is foreign, newer, damaged or too large.
    """
    try:
        return _unsealed(_bounded(path))
    except (OSError, ValueError, RecursionError) as exc:
        raise CheckpointError(f"{str(path)!r} was not loaded: {_reason(exc)}") from exc


def _sealed(content: Mapping[str, Any]) -> bytes:
    document = {"format": FORMAT, "version": VERSION, "asyncllm": _library(), "content": content}
    # As it will be read: keys are texts in JSON.
    document = json.loads(json.dumps(document, allow_nan=False))
    text = json.dumps({**document, "sha256": _digest(document)}, indent=2, ensure_ascii=False)
    # A file's name may hold bytes that are no text; they stand in it as JSON's escapes.
    data = text.encode("utf-8", "backslashreplace") + b"\n"
    if len(data) > LARGEST:
        raise ValueError(f"it would be larger than {LARGEST:,} bytes; clear the history first")
    return data


def _unsealed(data: bytes) -> dict[str, Any]:
    try:
        document: Any = json.loads(data, parse_constant=_not_json)
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"it is damaged, or no checkpoint: {exc}") from exc

    fields = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    if fields.get("format") != FORMAT:
        raise ValueError(f"it is no checkpoint: its format is not {FORMAT!r}")
    version, digest = fields.get("version"), fields.pop("sha256", None)
    if type(version) is int and version > VERSION:
        raise ValueError(
            f"a newer asyncllm saved it, as version {version} of the format; this one reads {VERSION}"
        )
    if type(version) is not int or version != VERSION or digest != _digest(fields):
        raise ValueError("it is damaged, or was changed since it was saved: its checksum is another")

    content: Any = fields.get("content")
    if not isinstance(content, dict):
        raise ValueError("it holds no content")  # noqa: TRY004 - the file's fault, not the caller's
    return cast("dict[str, Any]", content)


def _library() -> str:
    try:
        return importlib.metadata.version(OWN)
    except importlib.metadata.PackageNotFoundError:  # Run from its sources, without being installed.
        return "unknown"


def _digest(document: Mapping[str, Any]) -> str:
    """Return the checksum of *document*, however it is laid out."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _not_json(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _bounded(path: Path) -> bytes:
    # Opening a pipe, say, would wait for somebody to write.
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is no file")

    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST:,} bytes")
    return data


def _put_both(path: Path, sealed: bytes, state: bytes | None) -> None:
    if state is not None:
        _put(beside(path), state)
    try:
        _put(path, sealed)
    except BaseException:
        if state is not None:
            with suppress(OSError):  # As below.
                beside(path).unlink()
        raise


def _put(path: Path, data: bytes) -> None:
    """Let *path* appear in one step, with all of *data* on the disk."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "xb", opener=_private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            now = os.fstat(file.fileno()).st_mtime  # By the clock of the disk, which may be another's.
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):  # What went wrong first is what the caller has to hear of.
            temporary.unlink()
        raise
    _keep_name(path.parent)
    _clear(path.parent, now)


def _clear(directory: Path, now: float) -> None:
    """Remove the unfinished files of programs that were killed."""
    with suppress(OSError), os.scandir(directory) as entries:  # What is in nobody's way may stay.
        for entry in entries:
            is_ours = _UNFINISHED.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
            if is_ours and now - entry.stat(follow_symlinks=False).st_mtime > ABANDONED:
                Path(entry).unlink(missing_ok=True)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _keep_name(directory: Path) -> None:
    """Put the new name itself on the disk, where a directory can be asked for that."""
    with suppress(OSError):  # Not on Windows, nor on every network's file system; the file is whole anyway.
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _reason(exc: Exception) -> str:
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return "it is nested too deeply" if isinstance(exc, RecursionError) else str(exc)
