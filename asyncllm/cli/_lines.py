"""What is said in several lines, and what is read where nobody types."""

from __future__ import annotations

import sys
from typing import Protocol

from asyncllm.batch._files._blocks import Blocks
from asyncllm.batch._files._formats import STANDARD

FENCE = '"""'
"""A text that begins with it goes on until it comes again."""
ON = "\\"
"""A line that ends with it goes on in the next."""


class Lines(Protocol):
    """Where a person's words come from."""

    async def next(self) -> str | None:
        """Wait for what is said next; None is the end."""
        ...


def unfinished(text: str) -> bool:
    """Return whether *text* goes on in a further line."""
    body = text.strip()
    if body.startswith(FENCE):
        return len(body) < 2 * len(FENCE) or not body.endswith(FENCE)

    return text.endswith(ON)


def plain(text: str) -> str:
    """Return what is said in *text*, without the signs that it goes on."""
    body = text.strip()
    if body.startswith(FENCE):
        return body.removeprefix(FENCE).removesuffix(FENCE).strip("\n")

    return text.replace(ON + "\n", "\n").removesuffix(ON)


class Piped:
    """Lines from a pipe or a file."""

    def __init__(self) -> None:
        self._blocks = Blocks(STANDARD)
        self._rest = b""
        self._ended = False

    async def next(self) -> str | None:
        text = more = await self._line()
        while text is not None and more is not None and unfinished(text):
            if (more := await self._line()) is not None:
                text += "\n" + more
        return None if text is None else plain(text)

    async def _line(self) -> str | None:
        while b"\n" not in self._rest and not self._ended:
            more = await self._blocks.next()
            self._rest, self._ended = self._rest + more, not more
        line, newline, self._rest = self._rest.partition(b"\n")
        if not line and not newline:
            return None

        # What is no text is refused as a task, and the next line is read all the same.
        return line.removesuffix(b"\r").decode(sys.stdin.encoding or "utf-8", "surrogateescape")
