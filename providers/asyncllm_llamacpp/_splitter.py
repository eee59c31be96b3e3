"""Tell what a model thinks from what it answers."""

from __future__ import annotations

import re
from typing import Literal

from ._thinking import Tags

_NONE = Tags((), "")
"""Those of a text that is all answer."""


class Splitter:
    """
    Tells the thoughts from the answer in a text that comes in pieces.

    Both are those of the whole text, however it is split. No more is held back
    than may still become a tag. Thoughts come first, or not at all.

    Args:
        tags: What marks them; without any, all is the answer.

        is_open: Whether they have begun before the first piece.
    """

    def __init__(self, tags: Tags | None, *, is_open: bool = False) -> None:
        self._tags = tags or _NONE
        self._at: Literal["beginning", "thoughts", "heading", "answer"] = (
            "answer" if tags is None else "thoughts" if is_open else "beginning"
        )
        self._marks = re.compile("|".join(map(re.escape, (*self._tags.ends, *self._tags.joints))))
        self._held = ""
        self._thought = ""
        """What was thought and not told yet."""
        self._has_told = False
        self._strips = False
        self.has_thought = self._at == "thoughts"
        """Whether there were thoughts, of any length."""

    @property
    def is_answering(self) -> bool:
        """Whether what comes next is the answer."""
        return self._at == "answer"

    @property
    def is_thinking(self) -> bool:
        """Whether what comes next is a thought."""
        return self.has_thought and not self.is_answering

    @property
    def takes_tags(self) -> bool:
        """Whether a tag may be part of the text: once the answer has begun, it is not."""
        return not self._tags.closes or not self.is_answering

    def push(self, piece: str) -> str:
        """Take in *piece* and return what is now known to be of the answer."""
        self._held += piece
        if self._at == "beginning":
            self._begin()
        if self._at == "thoughts":
            self._think()
        if self._at == "heading":
            self._pass_heading()
        return self._answer() if self.is_answering else ""

    def thought(self) -> str:
        """Return what is known to be thought since this was asked last, without the blanks around it all."""
        thought = self._thought if self._has_told else self._thought.lstrip()
        told = thought.rstrip()
        self._thought = thought[len(told) :]
        self._has_told |= bool(told)
        return told

    def finish(self) -> str:
        """Return what was held back and, now that the text has ended, is no beginning of a tag."""
        held, self._held = self._held, ""
        if self._at == "thoughts":
            self._thought += held
        return "" if self.has_thought else held

    def _begin(self) -> None:
        """See whether the text begins with a tag."""
        begun = self._held.lstrip()
        if (opened := next(filter(begun.startswith, self._tags.texts), None)) is not None:
            self.has_thought, self._at = True, "thoughts"
            self._held = begun if opened == self._tags.closes else begun.removeprefix(opened)
        elif not any(tag.startswith(begun) for tag in self._tags.texts):
            self._at = "answer"

    def _think(self) -> None:
        """Take what is surely thought, up to the end of the thoughts."""
        while (found := self._marks.search(self._held)) is not None:
            self._thought += self._held[: found.start()]
            self._held = self._held[found.end() :]
            if found[0] in self._tags.ends:
                self._at = "heading"
                return
            self._thought += "\n"
        sure = len(self._held) - self._begun()
        self._thought += self._held[:sure]
        self._held = self._held[sure:]

    def _begun(self) -> int:
        """Return how many of the letters held may become a mark."""
        marks = (*self._tags.ends, *self._tags.joints)
        return max(
            (n for mark in marks for n in range(1, len(mark)) if self._held.endswith(mark[:n])), default=0
        )

    def _pass_heading(self) -> None:
        """Drop what stands between the thoughts and the answer."""
        heading = self._tags.heading
        at = self._held.find(heading)
        if at >= 0:
            self._held = self._held[at + len(heading) :]
            self._at, self._strips = "answer", True
        else:  # Of what is dropped only that is needed which may become the heading.
            self._held = self._held[max(0, len(self._held) - len(heading) + 1) :]

    def _answer(self) -> str:
        text = self._held.lstrip() if self._strips else self._held
        self._strips = self._strips and not text
        self._held = ""
        return text


def answer(tags: Tags | None, text: str) -> str:
    """Return *text* without the thoughts that it begins with."""
    splitter = Splitter(tags)
    return splitter.push(text) + splitter.finish()
