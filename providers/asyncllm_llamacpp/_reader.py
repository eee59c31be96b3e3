"""Read a file that may be damaged: never past its end, never more than makes sense."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

from asyncllm.errors import InvalidModelFile

AGAIN = "get the file again, and compare its size with that at its source"

_LONGEST_NAME = 2**16


class Reader:
    """Reads the header of a model's file from its beginning on."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self.size = os.fstat(file.fileno()).st_size
        self.part = "header"
        """What is being read, for the error's message."""

    @property
    def position(self) -> int:
        return self._file.tell()

    def number(self, code: str) -> int:
        """Read a whole number of the ``struct`` type *code*."""
        number: int = struct.unpack("<" + code, self.take(struct.calcsize(code)))[0]
        return number

    def real(self) -> float:
        """Read a real number of single precision."""
        number: float = struct.unpack("<f", self.take(4))[0]
        return number

    def name(self) -> str:
        """Read a short text."""
        if (length := self.number("Q")) > _LONGEST_NAME:
            raise self.damaged(f"it has a name of {length} bytes")
        return self.take(length).decode(errors="replace")

    def text(self) -> bytes:
        """Read a text of any length that the file holds."""
        length = self.number("Q")
        if length > self.size - self.position:
            raise self.cut_off()
        return self.take(length)

    def take(self, count: int) -> bytes:
        """Read *count* bytes."""
        data = self._file.read(count)
        if len(data) < count:
            raise self.cut_off()
        return data

    def skip(self, count: int) -> None:
        """Pass over *count* bytes."""
        if count > self.size - self.position:
            raise self.cut_off()
        self._file.seek(count, os.SEEK_CUR)

    def cut_off(self) -> InvalidModelFile:
        """Return the error for a file that is too short."""
        return InvalidModelFile(
            f"{self._path} is cut off: its {self.size} bytes end within the {self.part}; {AGAIN}"
        )

    def damaged(self, what: str) -> InvalidModelFile:
        """Return the error for a file that says what cannot be."""
        return InvalidModelFile(
            f"{self._path} is damaged, or of a kind that is not known here: {what}; {AGAIN}"
        )
