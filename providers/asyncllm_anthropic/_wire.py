"""What goes over the wire, and what comes back: Anthropic's words for our types, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from asyncllm import Choice, FinishReason, Message, Response, Usage
from asyncllm.errors import ErrorTable, InvalidResponse, InvalidTask, failure
from asyncllm.provider import Delta, Request

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

    def canonical(self) -> Usage:
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
    type: str
    text: str = ""


class WireError(msgspec.Struct):
    type: str = ""
    message: str = ""


class WireAnswer(msgspec.Struct):
    """A whole answer; in a stream, its beginning."""

    type: str = "message"
    model: str = ""
    content: list[Block] = msgspec.field(default_factory=list[Block])
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: WireUsage = msgspec.field(default_factory=WireUsage)
    error: WireError | None = None


class EventDelta(msgspec.Struct):
    type: str = ""
    text: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None


class Event(msgspec.Struct):
    """One event of a stream; which fields it has depends on its type."""

    type: str
    message: WireAnswer | None = None
    delta: EventDelta | None = None
    usage: WireUsage | None = None
    error: WireError | None = None


answer_decoder = msgspec.json.Decoder(WireAnswer)
event_decoder = msgspec.json.Decoder(Event)


def body(request: Request, *, stream: bool) -> bytes:
    """Return the body of *request*; system messages, wherever they stand, go into its ``system``."""
    system = [message.text for message in request.messages if _is_system(message)]
    turns = [message for message in request.messages if not _is_system(message)]
    if not turns:
        raise InvalidTask(
            "Anthropic wants at least one message of the user's; there are only system messages"
        )

    fields: dict[str, Any] = {"model": request.model, "messages": [_message(turn) for turn in turns]}
    if system:
        fields["system"] = "\n\n".join(system)
    fields |= request.options
    if stream:
        fields["stream"] = True
    return msgspec.json.encode(fields)


def response(answer: WireAnswer, errors: ErrorTable, *, request_id: str | None, raw: Any) -> Response:
    """Return *answer* in our words."""
    if answer.error is not None:
        raise error(answer.error, errors)
    if answer.type != "message":
        raise InvalidResponse(f"the answer is a {answer.type!r}, not a message", request_id=request_id)

    choice = Choice(
        text="".join(block.text for block in answer.content if block.type == "text"),
        finish_reason=finish_reason(answer.stop_reason, answer.stop_sequence),
        matched_stop=answer.stop_sequence,
    )
    return Response(
        choices=(choice,),
        usage=answer.usage.canonical(),
        model=answer.model,
        request_id=request_id,
        raw=raw,
    )


class Reader:
    """Reads a stream's events, and keeps what only later ones complete."""

    def __init__(self, errors: ErrorTable, *, request_id: str | None) -> None:
        self._errors = errors
        self._request_id = request_id
        self._usage = WireUsage()
        self._model: str | None = None
        self._last = EventDelta()

    def read(self, event: Event) -> Delta | None:
        """Return what *event* brings; the end counts only when ``message_stop`` has said so."""
        if event.error is not None:
            raise error(event.error, self._errors)
        if event.type == "message_start" and event.message is not None:
            self._usage, self._model = event.message.usage, event.message.model
        elif event.type == "content_block_delta" and event.delta is not None and event.delta.text:
            return Delta(text=event.delta.text, model=self._model, request_id=self._request_id)
        elif event.type == "message_delta":
            self._last = event.delta or self._last
            self._usage = self._usage.updated(event.usage or WireUsage())
        elif event.type == "message_stop":
            return self._end()
        return None

    def _end(self) -> Delta:
        return Delta(
            finish_reason=finish_reason(self._last.stop_reason, self._last.stop_sequence),
            matched_stop=self._last.stop_sequence,
            usage=self._usage.canonical(),
            model=self._model,
            request_id=self._request_id,
        )


def finish_reason(stop_reason: str | None, stop_sequence: str | None) -> FinishReason:
    # llama-server, asked in Anthropic's way, names the stop sequence but calls the reason end_turn.
    return "stop_sequence" if stop_sequence else FINISH_REASONS.get(stop_reason or "", "unknown")


def error(sent: WireError, errors: ErrorTable) -> Exception:
    return failure(sent.message or sent.type, table=errors, code=sent.type)


def _is_system(message: Message) -> bool:
    return message.role in {"system", "developer"}


def _message(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.text}
