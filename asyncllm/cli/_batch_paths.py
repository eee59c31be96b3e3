"""The files of a batch, none of which may be written over another."""

from __future__ import annotations

import os
from itertools import combinations
from pathlib import Path

from asyncllm.batch._files._formats import STANDARD
from asyncllm.errors import InvalidParameter

REDIRECTED = "/dev/stdin"
"""Is the same as the file, where there is one, that standard input was redirected from."""


def check_apart(*, tasks: str, output: str, journal: str | None) -> None:
    """
    Check that tasks, results and journal are not in one file.

    Raises:
        InvalidParameter: Two of them are.
    """
    paths = {
        "the tasks": REDIRECTED if tasks == STANDARD else tasks,
        "--output": None if output == STANDARD else output,
        "--journal": journal,
    }
    given = [(what, Path(path)) for what, path in paths.items() if path is not None]
    for (one, path), (other, its_path) in combinations(given, 2):
        if _are_one(path, its_path):
            raise InvalidParameter(f"{one} and {other} are one file, {str(its_path)!r}: give each its own")


def _are_one(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:  # One is not there yet.
        return os.path.realpath(path) == os.path.realpath(other)
