"""Summarise what is too long to be read at once: by passages, and these summaries again."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from asyncllm._bounded import map_bounded
from asyncllm._log import warn
from asyncllm.errors import ContextLengthExceeded, UnexpectedResponse

from ._passages import beginning, split
from ._task import Wish

Ask: TypeAlias = Callable[[str], Awaitable[str]]

SHORTEST = 200
"""Bytes: where not even so short a passage fits into a context, no shorter one would be of use."""


@dataclass(slots=True)
class Part:
    """A passage, and its summary once there is one."""

    passage: str
    summary: str | None = None

    @property
    def size(self) -> int:
        return len(self.passage.encode())

    @property
    def said(self) -> str:
        """The summary's words."""
        return (self.summary or "").strip()

    def shortened(self) -> str:
        """Return the summary, and no more of it than half of the passage: so that merging comes to an end."""
        return beginning(self.said, self.size // 2).rstrip()


class Condenser:
    """
    Summarises texts of any length.

    Args:
        ask: Puts a task to the model; raises ContextLengthExceeded where it is too long for that.

        wish: What is wanted of the summary.

        longest: How many bytes a passage may take, as far as anybody knows.

        at_once: Ask at most this many tasks at a time.
    """

    def __init__(self, ask: Ask, wish: Wish, *, longest: int, at_once: int) -> None:
        self._ask = ask
        self._wish = wish
        self._longest = max(longest, SHORTEST)
        self._at_once = at_once

    async def condense(self, text: str) -> str:
        """
        Return the summary of *text*.

        Raises:
            ContextLengthExceeded: Not even a short passage fits beside what is said around it.
            UnexpectedResponse: The model gave no summary, of any passage or of the whole.
        """
        parts = await self._summarised(text, is_merged=False)
        while len(parts) > 1:
            parts = await self._summarised(_joined(parts), is_merged=True)
        if not parts or not parts[0].said:
            raise UnexpectedResponse("there is no summary: the model answered with nothing, or refused")
        return parts[0].summary or ""

    async def _summarised(self, text: str, *, is_merged: bool) -> list[Part]:
        """Return the parts of *text* with their summaries; one alone has the summary that is wanted."""
        whole = functools.partial(self._wish.of_whole, is_merged=is_merged)
        parts = self._parts(text)
        while waiting := [part for part in parts if part.summary is None]:
            task = whole if len(parts) == 1 else self._wish.of_passage
            await map_bounded(functools.partial(self._try, task), waiting, limit=self._at_once)
            # What was too long is parted, and what has a summary is kept.
            parts = [
                piece
                for part in parts
                for piece in (self._parts(part.passage) if part.summary is None else (part,))
            ]
        return parts

    async def _try(self, task: Callable[[str], str], part: Part) -> None:
        """Give *part* its summary, unless it is too long; then no passage is so long from now on."""
        size = part.size
        if size > self._longest:  # Another one has shown so meanwhile.
            return

        try:
            part.summary = await self._ask(task(part.passage))
        except ContextLengthExceeded:
            if size <= SHORTEST:
                raise
            self._longest = min(self._longest, max(size // 2, SHORTEST))

    def _parts(self, text: str) -> list[Part]:
        return [Part(passage) for passage in split(text, self._longest) if passage.strip()]


def _joined(parts: list[Part]) -> str:
    """Return the summaries of *parts* as one text, which is shorter than what they are of."""
    shortened = [part.shortened() for part in parts]
    missing = sum(not part.said for part in parts)
    if missing:
        warn("summaries_missing", missing=missing, of=len(parts), reason="an empty answer, or a refusal")
    cut = sum(short != part.said for part, short in zip(parts, shortened, strict=True))
    if cut:
        warn("summaries_cut", cut=cut, of=len(parts), reason="longer than half of what they summarise")
    return "\n\n".join(filter(None, shortened))
