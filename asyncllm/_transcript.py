"""A task with the conversation before it."""

from __future__ import annotations

from typing import Self

from ._types import Message


class Transcript(str):
    """
    A text to answer that comes after other messages.

    What is sent is the messages, each with its role. Whoever takes a task for a
    text, as a subclass's own ``run`` may, reads the whole conversation in it.

    Args:
        before: The messages before it.

        said: What is said now.
    """

    __slots__ = ("before", "said")

    before: tuple[Message, ...]
    said: str

    def __new__(cls, before: tuple[Message, ...], said: str) -> Self:
        lines = [f"{message.role}: {message.text}" for message in before]
        transcript = super().__new__(cls, "\n\n".join((*lines, said)))
        transcript.before, transcript.said = before, said
        return transcript

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[Message, ...], str]]:
        return type(self), (self.before, self.said)
