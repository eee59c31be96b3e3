"""
The shapes of the Responses API's answers, and what they say in our words.

What is not needed to tell the answer may be null, or of any type, without the
answer being lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from asyncllm.provider import FinishReason, TokenLogprob, Usage

from ._wire import Details, WireError, WireLogprob, usage_of, word

FINISH_REASONS: Mapping[str, FinishReason] = {
    "max_output_tokens": "length",
    "max_messages":      "length",
    "content_filter":    "content_filter",
    "steered":           "pause",
}  # fmt: skip
"""Why an answer is incomplete."""

TOOL_CALLS = frozenset({"function_call", "custom_tool_call"})
"""Items with which the model asks the caller for something."""


PARAGRAPH = "\n\n"
"""What stands between the parts of what was thought."""


class WireUsage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: Details | None = None
    output_tokens_details: Details | None = None

    def canonical(self) -> Usage | None:
        return usage_of(
            self.input_tokens, self.output_tokens, self.input_tokens_details, self.output_tokens_details
        )


class Part(msgspec.Struct):
    type: Any = None
    text: str | None = None
    refusal: str | None = None
    logprobs: msgspec.Raw = msgspec.Raw(b"null")


class Item(msgspec.Struct):
    type: Any = None
    id: Any = None
    phase: Any = None
    content: msgspec.Raw = msgspec.Raw(b"null")
    summary: msgspec.Raw = msgspec.Raw(b"null")

    def parts(self) -> list[Part]:
        """Return what the item says to the caller; reasoning, calls and commentary are not that."""
        if self.type != "message" or self.is_commentary:
            return []
        return parts_decoder.decode(self.content) or []

    def thoughts(self) -> list[str]:
        """Return what was thought: a summary, or word for word where the server shows that."""
        if self.type != "reasoning":
            return []
        return [part.text for told in (self.summary, self.content) for part in _parts(told) if part.text]

    @property
    def is_commentary(self) -> bool:
        """Whether it tells what the model is about to do, before it has an answer."""
        return bool(self.phase == "commentary")


class Incomplete(msgspec.Struct):
    reason: Any = None


class Answer(msgspec.Struct):
    status: Any = None
    output: list[Item] | None = None
    model: Any = None
    usage: msgspec.Raw = msgspec.Raw(b"{}")
    error: WireError | str | None = None
    incomplete_details: Incomplete | None = None

    def parts(self) -> list[Part]:
        return [part for item in self.output or () for part in item.parts()]

    @property
    def text(self) -> str:
        return "".join(part.text or part.refusal or "" for part in self.parts())

    @property
    def reasoning(self) -> str:
        return PARAGRAPH.join(thought for item in self.output or () for thought in item.thoughts())

    @property
    def is_refusal(self) -> bool:
        return any(part.refusal for part in self.parts())

    def tokens(self) -> tuple[TokenLogprob, ...]:
        return tuple(token for part in self.parts() for token in tokens_of(part.logprobs))

    def why(self, *, refused: bool) -> FinishReason:
        """Return why the answer ended."""
        if self.status == "incomplete":
            return FINISH_REASONS.get(
                word(self.incomplete_details and self.incomplete_details.reason) or "", "unknown"
            )
        if self.status == "cancelled":
            return "cancelled"
        if self.status != "completed":
            return "unknown"
        if any(word(item.type) in TOOL_CALLS for item in self.output or ()):
            return "tool_calls"
        return "refusal" if refused else "stop"

    def counts(self) -> Usage | None:
        try:
            usage = usage_decoder.decode(self.usage)
        except msgspec.ValidationError:
            return None
        return usage.canonical() if usage else None


class Event(msgspec.Struct):
    """One event of a stream; which fields it has depends on its type."""

    type: Any = None
    response: Answer | None = None
    item: Item | None = None
    item_id: Any = None
    content_index: Any = None
    summary_index: Any = None
    delta: Any = None
    logprobs: msgspec.Raw = msgspec.Raw(b"null")
    error: WireError | str | None = None
    message: Any = None
    code: Any = None


answer_decoder = msgspec.json.Decoder(Answer)
event_decoder = msgspec.json.Decoder(Event)
parts_decoder: msgspec.json.Decoder[list[Part] | None] = msgspec.json.Decoder(list[Part] | None)
usage_decoder: msgspec.json.Decoder[WireUsage | None] = msgspec.json.Decoder(WireUsage | None, strict=False)
logprobs_decoder: msgspec.json.Decoder[list[WireLogprob] | None] = msgspec.json.Decoder(
    list[WireLogprob] | None
)


def tokens_of(logprobs: msgspec.Raw) -> Iterable[TokenLogprob]:
    """Return what *logprobs* tells of the tokens; what cannot be read tells nothing."""
    try:
        found = logprobs_decoder.decode(logprobs)
    except msgspec.ValidationError:
        return ()
    return [each.canonical() for each in found or ()]


def _parts(told: msgspec.Raw) -> list[Part]:
    """Return the parts of what goes along with an answer, which must not cost it."""
    try:
        return parts_decoder.decode(told) or []
    except msgspec.ValidationError:
        return []
