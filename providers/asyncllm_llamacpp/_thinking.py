"""Tell what a model thinks from what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tags:
    """How a model marks its thoughts, which come before its answer."""

    opens: tuple[str, ...]
    """What the thoughts may begin with."""
    closes: str
    """What they end with."""
    heading: str = ""
    """What comes between them and the answer, at its end."""
    over: str = ""
    """What to write in order to end them; by default the tag that closes them."""
    skips: str = ""
    """What to write where there are to be none; by default both tags."""

    @property
    def texts(self) -> tuple[str, ...]:
        """What a message must not say in the model's stead."""
        return (*self.opens, self.closes)

    @property
    def end(self) -> str:
        """What ends thoughts that are under way."""
        return self.over or f"\n{self.closes}\n\n"

    @property
    def skip(self) -> str:
        """What says that there are no thoughts."""
        return self.skips or f"{self.opens[0]}\n\n{self.closes}\n\n"

    def is_open(self, prompt: str) -> bool:
        """Return whether *prompt* ends where the thoughts have just begun."""
        return prompt.rstrip().endswith(self.opens)

    def is_over(self, prompt: str) -> bool:
        """Return whether *prompt* ends where the thoughts have just ended."""
        return prompt.rstrip().endswith((self.closes, self.skip.rstrip()))


FORMS = (
    Tags(("<think>",), "</think>"),
    Tags(("[THINK]",), "[/THINK]"),
    Tags(("<|START_THINKING|>",), "<|END_THINKING|>"),
    Tags(("<seed:think>",), "</seed:think>"),
    Tags(("<|channel>thought",), "<channel|>", over="\n<channel|>", skips="<|channel>thought\n<channel|>"),
    Tags(("<|inner_prefix|>",), "<|inner_suffix|>"),
    Tags(("<mm:think>",), "</mm:think>"),
    Tags(("Here are my reasoning steps:",), "[BEGIN FINAL RESPONSE]"),
    Tags(
        ("<|think|>",),
        "<|content|>",
        over="<|end|><|begin|>assistant<|content|>",
        skips="<|content|>",
    ),
    Tags(
        ("<|channel|>analysis", "<|channel|>commentary"),
        "<|channel|>final",
        heading="<|message|>",
        over="<|end|><|start|>assistant<|channel|>final<|message|>",
        skips="<|channel|>final<|message|>",
    ),
)
"""The forms that there are."""


def shown(source: str) -> Tags | None:
    """Return the form in which a model thinks whose chat template is *source*; None where it shows none."""
    return _first(lambda tags: tags.closes in source and any(tag in source for tag in tags.opens))


def known(is_token: Callable[[str], bool]) -> Tags | None:
    """Return the form whose tags are tokens of the model's; None where there is none."""
    return _first(lambda tags: all(map(is_token, tags.texts)))


def _first(holds: Callable[[Tags], bool]) -> Tags | None:
    return next(filter(holds, FORMS), None)


class Splitter:
    """
    Takes the thoughts out of a text that comes in pieces.

    The answer is that of the whole text, however it is split. No more is held back
    than may still become a tag. Thoughts come first, or not at all.

    Args:
        tags: What marks them; without any, all is the answer.

        is_open: Whether they have begun before the first piece.
    """

    def __init__(self, tags: Tags | None, *, is_open: bool = False) -> None:
        self._tags = tags
        self._held = ""
        self._awaits = tags.closes if tags is not None and is_open else ""
        """What the thoughts, or the heading after them, are to end with."""
        self._strips = False
        self.has_thought = is_open and tags is not None
        """Whether there were thoughts, of any length."""
        self.is_answering = tags is None
        """Whether what comes next is the answer."""

    @property
    def is_thinking(self) -> bool:
        """Whether what comes next is a thought."""
        return self.has_thought and not self.is_answering

    @property
    def takes_tags(self) -> bool:
        """Whether a tag may be part of the text: once the answer has begun, it is not."""
        return self._tags is None or not self.is_answering

    def push(self, piece: str) -> str:
        """Take in *piece* and return what is now known to be of the answer."""
        self._held += piece
        if not self.is_answering and not self._awaits:
            self._begin()
        while self._awaits and self._has_passed(self._awaits):
            assert self._tags is not None
            self._awaits = self._tags.heading if self._awaits == self._tags.closes else ""
            self.is_answering = self._strips = not self._awaits
        return self._answer() if self.is_answering else ""

    def finish(self) -> str:
        """Return what was held back and, now that the text has ended, is no beginning of a tag."""
        held, self._held = self._held, ""
        return "" if self.has_thought else held

    def _begin(self) -> None:
        """See whether the text begins with a tag."""
        assert self._tags is not None
        begun = self._held.lstrip()
        if any(map(begun.startswith, self._tags.texts)):
            self.has_thought = True
            self._awaits = self._tags.closes
        else:
            self.is_answering = not any(tag.startswith(begun) for tag in self._tags.texts)

    def _has_passed(self, tag: str) -> bool:
        before, found, after = self._held.partition(tag)
        # Of what is thought only that is needed which may become a tag.
        self._held = after if found else before[max(0, len(before) - len(tag) + 1) :]
        return bool(found)

    def _answer(self) -> str:
        text = self._held.lstrip() if self._strips else self._held
        self._strips = self._strips and not text
        self._held = ""
        return text


def answer(tags: Tags | None, text: str) -> str:
    """Return *text* without the thoughts that it begins with."""
    splitter = Splitter(tags)
    return splitter.push(text) + splitter.finish()
