"""What goes over the wire, and what comes back: Anthropic's words for our types, both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from asyncllm import http
from asyncllm.errors import ErrorTable, InvalidTask, UnexpectedResponse, failure
from asyncllm.provider import Choice, Delta, FinishReason, Message, Request, Response, Usage

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


class EventDelta(msgspec.Struct):
    type: str | None = None
    text: Any = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class Event(msgspec.Struct):
    """One event of a stream; which fields it has depends on its type."""

    type: str | None = None
    message: WireAnswer | None = None
    delta: EventDelta | None = None
    usage: msgspec.Raw = msgspec.Raw(b"{}")
    error: WireError | str | None = None


answer_decoder = msgspec.json.Decoder(WireAnswer)
event_decoder = msgspec.json.Decoder(Event)
usage_decoder: msgspec.json.Decoder[WireUsage | None] = msgspec.json.Decoder(WireUsage | None, strict=False)


class Messages(http.Surface):
    """Anthropic's Messages."""

    path = "/v1/messages"

    def __init__(self, errors: ErrorTable) -> None:
        self._errors = errors

    def body(self, request: Request, *, stream: bool) -> bytes:
        """Return *request* as JSON; system messages, wherever they stand, go into its ``system``."""
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

    def response(self, content: bytes, request_id: str | None) -> Response:
        answer = answer_decoder.decode(content)
        if answer.error is not None:
            raise _error(answer.error, self._errors, request_id)
        if answer.type != "message" and answer.content is None:
            raise UnexpectedResponse(
                f"the answer is of type {answer.type!r}, and holds no content", request_id=request_id
            )

        choice = Choice(
            text="".join(block.text or "" for block in answer.content or () if block.type == "text"),
            finish_reason=_finish_reason(answer.stop_reason, answer.stop_sequence),
            matched_stop=answer.stop_sequence,
        )
        return Response(
            choices=(choice,),
            usage=_counts(answer.usage).canonical(),
            model=answer.model or "",
            request_id=request_id,
            raw=msgspec.json.decode(content),
        )

    def reader(self, request_id: str | None) -> Callable[[str], Iterable[Delta]]:
        return Reader(self._errors, request_id=request_id).read


class Reader:
    """Reads a stream's events, and keeps what only later ones complete."""

    def __init__(self, errors: ErrorTable, *, request_id: str | None) -> None:
        self._errors = errors
        self._request_id = request_id
        self._usage = WireUsage()
        self._model: str | None = None
        self._last = EventDelta()

    def read(self, data: str) -> Iterable[Delta]:
        """Return what the event with *data* brings; the end counts only when ``message_stop`` has said so."""
        event = event_decoder.decode(data)
        if event.error is not None:
            raise _error(event.error, self._errors, self._request_id)

        if event.type == "message_start" and event.message is not None:
            self._usage, self._model = _counts(event.message.usage), event.message.model
        elif event.type == "content_block_delta" and event.delta and event.delta.type == "text_delta":
            return [Delta(text=str(event.delta.text), model=self._model, request_id=self._request_id)]
        elif event.type == "message_delta":
            self._last = event.delta or self._last
            self._usage = self._usage.updated(_counts(event.usage))
        elif event.type == "message_stop":
            return [self._end()]
        return ()

    def _end(self) -> Delta:
        return Delta(
            finish_reason=_finish_reason(self._last.stop_reason, self._last.stop_sequence),
            matched_stop=self._last.stop_sequence,
            usage=self._usage.canonical(),
            model=self._model,
            request_id=self._request_id,
        )


def _counts(usage: msgspec.Raw) -> WireUsage:
    try:
        return usage_decoder.decode(usage) or WireUsage()
    except msgspec.ValidationError:
        return WireUsage()


def _finish_reason(stop_reason: str | None, stop_sequence: str | None) -> FinishReason:
    # llama-server, asked in Anthropic's way, names the stop sequence but calls the reason end_turn.
    return "stop_sequence" if stop_sequence else FINISH_REASONS.get(stop_reason or "", "unknown")


def _error(sent: WireError | str, errors: ErrorTable, request_id: str | None) -> Exception:
    error = WireError(message=sent) if isinstance(sent, str) else sent
    message = error.message or error.type or "the answer is an error"
    return failure(message, table=errors, code=error.type, request_id=request_id)


def _is_system(message: Message) -> bool:
    return message.role in {"system", "developer"}


def _message(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.text}
