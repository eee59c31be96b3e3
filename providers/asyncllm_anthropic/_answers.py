"""What of Anthropic's JSON is read: answers, counts and the events of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from asyncllm.provider import Count, FinishReason, Usage

FINISH_REASONS: Mapping[str, FinishReason] = {
    "end_turn":                      "stop",
    "stop_sequence":                 "stop_sequence",
    "max_tokens":                    "length",
    "model_context_window_exceeded": "context_length",
    "tool_use":                      "tool_calls",
    "pause_turn":                    "pause",
    "compaction":                    "pause",
    "refusal":                       "refusal",
}  # fmt: skip

PARAGRAPH = "\n\n"
"""What stands between several blocks of thoughts."""

# What is not needed to tell the answer may be null, or of any type, without the answer being lost.


class OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """Counts as they are sent: cached input stands apart, and a stream gives each part when it knows it."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: OutputDetails | None = None

    def updated(self, later: WireUsage) -> WireUsage:
        """Return these counts with those that *later* brings: they are totals, not increments."""
        news = {name: value for name in self.__struct_fields__ if (value := getattr(later, name)) is not None}
        return msgspec.structs.replace(self, **news)

    def canonical(self) -> Usage | None:
        if self.input_tokens is None and self.output_tokens is None:
            return None

        read, written = self.cache_read_input_tokens or 0, self.cache_creation_input_tokens or 0
        details = self.output_tokens_details or OutputDetails()
        return Usage(
            input_tokens=(self.input_tokens or 0) + read + written,
            output_tokens=self.output_tokens or 0,
            cached_tokens=read,
            cache_write_tokens=written,
            reasoning_tokens=details.thinking_tokens or 0,
        )


class Block(msgspec.Struct):
    type: str | None = None
    text: str | None = None
    thinking: Any = None


class WireCount(msgspec.Struct):
    """What the counting of a request's tokens answers."""

    input_tokens: int


class WireError(msgspec.Struct):
    type: str | None = None
    message: str | None = None


class WireAnswer(msgspec.Struct):
    """A whole answer; in a stream, its beginning."""

    type: str | None = None
    model: str | None = None
    content: list[Block] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: msgspec.Raw = msgspec.Raw(b"{}")
    error: WireError | str | None = None

    @property
    def reasoning(self) -> str:
        """What was thought; of redacted blocks nobody can read it."""
        return PARAGRAPH.join(filter(None, (thought(block.thinking) for block in self.content or ())))


class EventDelta(msgspec.Struct):
    type: str | None = None
    text: Any = None
    thinking: Any = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class Event(msgspec.Struct):
    """One event of a stream; which fields it has depends on its type."""

    type: str | None = None
    index: Any = None
    message: WireAnswer | None = None
    delta: EventDelta | None = None
    usage: msgspec.Raw = msgspec.Raw(b"{}")
    error: WireError | str | None = None


count_decoder = msgspec.json.Decoder(WireCount)
answer_decoder = msgspec.json.Decoder(WireAnswer)
event_decoder = msgspec.json.Decoder(Event)
usage_decoder: msgspec.json.Decoder[WireUsage | None] = msgspec.json.Decoder(WireUsage | None, strict=False)


def counted(content: bytes) -> Count:
    """Return the tokens of a request, as the server counted them."""
    return Count(tokens=count_decoder.decode(content).input_tokens, exact=True)


def counts(usage: msgspec.Raw) -> WireUsage:
    """Return what *usage* tells; it may be anything."""
    try:
        return usage_decoder.decode(usage) or WireUsage()
    except msgspec.ValidationError:
        return WireUsage()


def thought(thinking: Any) -> str:
    """Return what *thinking* says; it may be anything."""
    return thinking if isinstance(thinking, str) else ""


def finish_reason(stop_reason: str | None, stop_sequence: str | None) -> FinishReason:
    """Return why an answer ended, in the vocabulary of all providers."""
    # llama-server, asked in Anthropic's way, names the stop sequence but calls the reason end_turn.
    return "stop_sequence" if stop_sequence else FINISH_REASONS.get(stop_reason or "", "unknown")
