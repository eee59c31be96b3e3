"""Bytes, line by line, each with its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from asyncllm.errors import InvalidTask

from ._blocks import Blocks

LONGEST = 2**24
"""Bytes of a line: no model reads as much, so it is a file of another kind."""
MARK = b"\xef\xbb\xbf"
"""What some programs begin a file with, to say that it is UTF-8."""


class Line(NamedTuple):
    """A line of a file, without its end."""

    number: int
    """From 1 on."""
    data: bytes

    @property
    def text(self) -> str:
        """
        The line as text.

        Raises:
            InvalidTask: It is none.
        """
        try:
            return self.data.decode()
        except UnicodeDecodeError as exc:
            raise InvalidTask(f"it is not text in UTF-8: {exc.reason} at byte {exc.start + 1}") from exc


class Lines:
    """The lines of a file, several at a time; in memory there are never more than a block's."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._rest = b""
        self._number = 0
        self._ended = False

    async def next(self) -> Sequence[Line]:
        """
        Wait for further lines; none is the end.

        Raises:
            InvalidTask: The file cannot be read, or has no lines.
        """
        while not self._ended:
            block = await self._blocks.next()
            self._ended = not block
            *lines, self._rest = (self._rest + block).split(b"\n")
            if self._ended and self._rest:
                lines.append(self._rest)
            if len(self._rest) > LONGEST:
                raise InvalidTask(f"line {self._number + 1} is longer than {LONGEST:,} bytes")
            if lines:
                return [self._line(data) for data in lines]
        return ()

    def _line(self, data: bytes) -> Line:
        self._number += 1
        return Line(self._number, data.removeprefix(MARK) if self._number == 1 else data)
