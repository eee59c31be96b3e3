"""The ways in which models mark what they think."""

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
    speaker: str = ""
    """The word that stands before a tag where the model speaks on, and is no thought."""

    @property
    def ends(self) -> tuple[str, ...]:
        """What ends the thoughts."""
        return (self.closes, self.speaker + self.closes)

    @property
    def joints(self) -> tuple[str, ...]:
        """What stands among the thoughts and is none."""
        if not self.speaker:
            return ()
        return tuple(filter(None, (*self.opens, *map(self.speaker.__add__, self.opens), self.heading)))

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
        speaker="assistant",
    ),
    Tags(
        ("<|channel|>analysis", "<|channel|>commentary"),
        "<|channel|>final",
        heading="<|message|>",
        over="<|end|><|start|>assistant<|channel|>final<|message|>",
        skips="<|channel|>final<|message|>",
        speaker="assistant",
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
