"""From a conversation to the text that the model continues."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, NoReturn

from jinja2 import TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from asyncllm.errors import InvalidModelFile, RequestRejected
from asyncllm.provider import Message


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

        bos: What begins a prompt.

        eos: What ends an answer.

        specials: The texts of special tokens: in a message they are text and nothing else.
    """

    def __init__(self, source: str | None, *, bos: str, eos: str, specials: Iterable[str]) -> None:
        try:
            self._template = None if source is None else _environment().from_string(source)
        except TemplateSyntaxError as exc:
            raise InvalidModelFile(f"the model's chat template does not parse: {exc}") from exc
        self._marks = {"bos_token": bos, "eos_token": eos}
        texts = "|".join(re.escape(text) for text in specials if len(text) > 1)
        self._begun = re.compile(f"(?s)(?=(?:{texts}))(.)" if texts else "(?!)(.)")

    def prompt(self, messages: Sequence[Message]) -> Prompt:
        """
        Return the text that the model is to continue.

        Where the assistant has the last word, that is its message; else its answer.

        Raises:
            RequestRejected: The template does not accept the conversation.
        """
        if self._template is None:
            return Prompt(["\n".join(message.text for message in messages)], special=False)

        cut, end = _absent_from("".join(message.text for message in messages), 2)
        turns = [_turn(message, self._begun.sub(rf"\1{cut}", message.text)) for message in messages]
        if messages[-1:] and messages[-1].role == "assistant":
            turns[-1]["content"] += end
            text = _before(end, self._rendered(turns, begins_answer=False))
        else:
            text = self._rendered(turns, begins_answer=True)
        return Prompt(text.split(cut), special=True)

    def _rendered(self, turns: list[dict[str, str]], *, begins_answer: bool) -> str:
        """Render *turns*; where the template refuses or leaves out the system's, the user says it."""
        system = [turn["content"] for turn in turns if turn["role"] == "system"]
        try:
            text = self._render(turns, begins_answer=begins_answer)
        except RequestRejected:
            if not system:
                raise
        else:
            if all(said.strip() in text for said in system):
                return text

        return self._render(_merged("\n\n".join(system), turns), begins_answer=begins_answer)

    def _render(self, turns: list[dict[str, str]], *, begins_answer: bool) -> str:
        assert self._template is not None
        try:
            return self._template.render(messages=turns, add_generation_prompt=begins_answer, **self._marks)
        # The template is somebody's program: it may fail in any way.
        except Exception as exc:
            raise RequestRejected(
                f"the model's chat template does not accept the conversation: {exc}"
            ) from exc


def _turn(message: Message, text: str) -> dict[str, str]:
    return {"role": "system" if message.role == "developer" else message.role, "content": text}


def _merged(system: str, turns: list[dict[str, str]]) -> list[dict[str, str]]:
    others = [turn for turn in turns if turn["role"] != "system"]
    first = next((at for at, turn in enumerate(others) if turn["role"] == "user"), None)
    if first is None:
        return [{"role": "user", "content": system}, *others]

    others[first] = {"role": "user", "content": f"{system}\n\n{others[first]['content']}"}
    return others


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


def _environment() -> ImmutableSandboxedEnvironment:
    """Return what Hugging Face gives to templates."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _json
    given: dict[str, Any] = environment.globals
    given.update(raise_exception=_refuse, strftime_now=_now)
    return environment


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)


def _now(form: str) -> str:
    return datetime.now().astimezone().strftime(form)
