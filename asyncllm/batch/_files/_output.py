"""Where rows of results go, whatever the format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from asyncllm.batch._result import BatchResult

from ._record import Record


class Output(ABC):
    """Where rows go; those that are written are safe from whatever happens to this process."""

    whole: ClassVar[bool] = False
    """Whether a file can be read only when it is whole: then nothing can be added to it."""

    @abstractmethod
    def __init__(self, path: Path) -> None: ...

    @staticmethod
    @abstractmethod
    def read(path: Path) -> Iterator[Record]:
        """Yield what was written, without a last row that was cut."""

    @staticmethod
    @abstractmethod
    def row(result: BatchResult) -> Record:
        """Return what is written of *result*."""

    @abstractmethod
    def write(self, rows: Sequence[Record]) -> None:
        """Write *rows* behind those that are there."""

    @abstractmethod
    def close(self) -> None:
        """End the file."""


def unfinished(path: Path) -> Path:
    """Return the name of a file that will take the place of *path*."""
    return path.with_name(path.name + ".part")


def begun_anew(path: Path) -> Path:
    """Return the name of the same where what is at *path* is not wanted any more, whatever happens."""
    return path.with_name(path.name + ".new")
