"""What formats files have, and what their names say of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Literal, TypeAlias

from asyncllm.errors import InvalidParameter

Format: TypeAlias = Literal["jsonl", "txt", "csv", "parquet"]

STANDARD = "-"
"""In place of a path: standard input, or output."""

SUFFIXES: Mapping[str, Format] = {
    ".jsonl":   "jsonl",
    ".ndjson":  "jsonl",
    ".txt":     "txt",
    ".csv":     "csv",
    ".parquet": "parquet",
}  # fmt: skip

FORMATS: tuple[Format, ...] = tuple(dict.fromkeys(SUFFIXES.values()))


def format_of(path: str, given: str | None = None) -> Format:
    """
    Return the format of the file at *path*: what is *given*, or else what its name says.

    Standard input and output are JSON lines, where nothing else is given.

    Raises:
        InvalidParameter: There is no such format, or the name says none.
    """
    if given is not None:
        if given not in FORMATS:
            raise InvalidParameter(f"a format is one of {', '.join(FORMATS)}; got {given!r}")
        return given

    found = "jsonl" if path == STANDARD else SUFFIXES.get(PurePath(path).suffix.lower())
    if found is None:
        raise InvalidParameter(
            f"the name {path!r} does not say what format it has: end it with one of {', '.join(SUFFIXES)}"
        )
    return found
