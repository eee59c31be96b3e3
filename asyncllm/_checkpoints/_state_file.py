"""The file beside a checkpoint: what the model had read, which only the checkpoint vouches for."""

from __future__ import annotations

import hashlib
import re
import stat
from pathlib import Path
from typing import Any

from asyncllm.errors import CheckpointError

STATE = "kv_state"
"""Under which name a checkpoint tells of the file."""
_NAME = re.compile(r"[\w-][\w.-]*\.kv")
"""A file's name and nothing more: from no other directory anything is read."""


def beside(path: Path) -> Path:
    """Return the file that belongs to the checkpoint at *path*."""
    return path.with_suffix(".kv")


def described(path: Path, state: bytes) -> dict[str, Any]:
    """Return what the checkpoint at *path* says of *state*."""
    return {
        "file": beside(path).name,
        "size": len(state),
        "sha256": hashlib.sha256(state).hexdigest(),
    }


def read_state(path: Path, told: Any) -> bytes | None:
    """
    Return the state that the checkpoint at *path* tells of; None where its file is not there.

    Raises:
        CheckpointError: It is not what was saved.
    """
    match told:
        case {"file": str(name), "size": int(size), "sha256": str(digest)} if _NAME.fullmatch(name):
            file = path.parent / name
        case _:
            raise CheckpointError(f"{str(path)!r} was not loaded: what it says of its {STATE} is damaged")

    try:
        state = _bounded(file, size)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise CheckpointError(f"{str(file)!r} was not loaded: {exc.strerror or exc}") from exc
    if state is None or hashlib.sha256(state).hexdigest() != digest:
        raise CheckpointError(
            f"{str(file)!r} was not loaded: it is damaged, or was not saved with {path.name!r}; "
            f"once it is moved away, the checkpoint is loaded alone"
        )
    return state


def _bounded(file: Path, size: int) -> bytes | None:
    """Return what is in *file* if it has the *size* that it is said to have."""
    found = file.stat()
    # Opening a pipe, say, would wait for somebody to write.
    if not stat.S_ISREG(found.st_mode) or found.st_size != size:
        return None

    with file.open("rb") as opened:
        return opened.read(size)
