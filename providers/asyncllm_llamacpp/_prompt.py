"""From a conversation to the text that the model continues."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from asyncllm.errors import InvalidParameter, RequestRejected
from asyncllm.provider import Message

from ._program import Program, Wish
from ._splitter import answer
from ._thinking import Tags
from ._turns import Turn


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text to continue."""

    pieces: list[str]
    """The text; no token may reach over the end of a piece."""
    special: bool
    """Whether the texts of special tokens in it stand for these tokens."""


class Template:
    """
    A model's own form of a conversation.

    Args:
        source: The template in Jinja; without any, the texts go to the model line by line.

        with_tools: The template for calls that offer tools, where that is another.

        bos: What begins a prompt.

        eos: What ends an answer.

        specials: The texts of special tokens: in a message they are text and nothing else.

        tags: How the template marks thoughts.
    """

    def __init__(
        self,
        source: str | None,
        *,
        bos: str,
        eos: str,
        specials: Iterable[str],
        with_tools: str | None = None,
        tags: Tags | None = None,
    ) -> None:
        marks = {"bos_token": bos, "eos_token": eos}
        self._plain = None if source is None else Program(source, marks)
        self._with_tools = self._plain if with_tools is None else Program(with_tools, marks)
        self._tags = tags
        cuts = {*specials, *(tags.texts if tags is not None else ())}
        texts = "|".join(re.escape(text) for text in cuts if len(text) > 1)
        self._begun = re.compile(f"(?s)(?=(?:{texts}))(.)" if texts else "(?!)(.)")

    def prompt(self, messages: Sequence[Message], wish: Wish | None = None) -> Prompt:
        """
        Return the text that the model is to continue.

        Where the assistant has the last word, that is its message; else its answer.
        What it thought before earlier answers is left out.

        Args:
            messages: The conversation.

            wish: What the template is told besides.

        Raises:
            InvalidParameter: The template does not know what it is told.
            RequestRejected: The template does not accept the conversation.
        """
        wish = wish or Wish()
        program = self._with_tools if wish.tools else self._plain
        if program is None:
            if wish.tools or wish.variables:
                raise InvalidParameter("the model has no chat template, so it can be told nothing besides")
            return Prompt(["\n".join(message.text for message in messages)], special=False)

        variables = program.variables(wish)
        cut, end = _absent_from("".join(message.text for message in messages), 2)
        continues = messages[-1:] and messages[-1].role == "assistant"
        turns = [
            Turn.of(message, self._begun.sub(rf"\1{cut}", said))
            for message, said in zip(messages, self._said(messages), strict=True)
        ]
        if continues:
            turns[-1] = turns[-1].followed_by(end)
            text = _before(end, program.rendered(turns, {**variables, "add_generation_prompt": False}))
        else:
            text = program.rendered(turns, {**variables, "add_generation_prompt": True})
            text += self._no_thoughts(text, wish, program)
        return Prompt(text.split(cut), special=True)

    def _said(self, messages: Sequence[Message]) -> Iterable[str]:
        for left, message in zip(range(len(messages), 0, -1), messages, strict=True):
            is_earlier = message.role == "assistant" and left > 1
            yield answer(self._tags, message.text) if is_earlier else message.text

    def _no_thoughts(self, text: str, wish: Wish, program: Program) -> str:
        """Return what to add to *text* so that the model does not think."""
        tags = self._tags
        if tags is None or tags.is_over(text):
            return ""
        if tags.is_open(text):
            return tags.end if wish.thoughts is False else ""
        skips = wish.begins_fixed or (wish.thoughts is False and not program.can_switch)
        return tags.skip if skips else ""


def _before(end: str, text: str) -> str:
    """Return *text* up to the mark *end*: without what closes the message that goes on."""
    if text.count(end) != 1:
        raise RequestRejected(
            "the model's chat template does not show where the assistant's message ends, so the model "
            "cannot continue it; let the user have the last word"
        )
    return text.partition(end)[0]


def _absent_from(text: str, count: int) -> list[str]:
    """Return characters for marks: Unicode sets some aside that no text should hold."""
    absent = (chr(code) for code in range(0xFDD0, 0x110000) if chr(code) not in text)
    return list(islice(absent, count))
