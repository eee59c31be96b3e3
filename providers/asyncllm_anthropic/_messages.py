"""What goes over the wire, and what comes back: Anthropic's words for our types, both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from asyncllm import http
from asyncllm.errors import (
    ContextLengthExceeded,
    ErrorTable,
    InvalidTask,
    ProviderError,
    UnexpectedResponse,
    failure,
)
from asyncllm.provider import Choice, Delta, Request, Response

from ._answers import (
    PARAGRAPH,
    Event,
    EventDelta,
    WireError,
    WireUsage,
    answer_decoder,
    counts,
    event_decoder,
    finish_reason,
    thought,
)
from ._conversation import conversation

TOO_LONG = "prompt is too long"
"""What only Anthropic's words tell from other refusals."""

COUNTED = (
    "model", "messages", "system", "tools", "tool_choice",
    "thinking", "output_config", "cache_control", "speed",
)  # fmt: skip
"""Those keys of a request that the counting of its tokens takes."""


class Messages(http.Surface):
    """Anthropic's Messages."""

    path = "/v1/messages"
    counting_path = "/v1/messages/count_tokens"

    def __init__(self, errors: ErrorTable) -> None:
        self._errors = errors

    def body(self, request: Request, *, stream: bool) -> bytes:
        fields = self._fields(request)
        return msgspec.json.encode({**fields, "stream": True} if stream else fields)

    def counting_body(self, request: Request) -> bytes:
        """Return as JSON what of *request* counts as prompt."""
        fields = self._fields(request)
        return msgspec.json.encode({name: fields[name] for name in COUNTED if name in fields})

    def _fields(self, request: Request) -> dict[str, Any]:
        """Return *request* as JSON's values."""
        # Where there are system messages within the conversation, their row has said so.
        said = conversation(request.messages, inline="messages" in request.options)
        if not said.turns:
            raise InvalidTask(
                "Anthropic wants at least one message of the user's; there are only system messages"
            )

        fields: dict[str, Any] = {"model": request.model, "messages": said.turns}
        if said.system:
            fields["system"] = "\n\n".join(said.system)
        return fields | dict(request.options)

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
            finish_reason=finish_reason(answer.stop_reason, answer.stop_sequence),
            matched_stop=answer.stop_sequence,
            reasoning=answer.reasoning,
        )
        return Response(
            choices=(choice,),
            usage=counts(answer.usage).canonical(),
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
        self._thinks_in: tuple[Any, ...] = ()

    def read(self, data: str) -> Iterable[Delta]:
        """Return what the event with *data* brings; the end counts only when ``message_stop`` has said so."""
        event = event_decoder.decode(data)
        if event.error is not None:
            raise _error(event.error, self._errors, self._request_id)

        if event.type == "message_start" and event.message is not None:
            self._usage, self._model = counts(event.message.usage), event.message.model
        elif event.type == "content_block_delta" and event.delta is not None:
            return self._piece(event, event.delta)
        elif event.type == "message_delta":
            self._last = event.delta or self._last
            self._usage = self._usage.updated(counts(event.usage))
        elif event.type == "message_stop":
            return [self._end()]
        return ()

    def _piece(self, event: Event, delta: EventDelta) -> Iterable[Delta]:
        """Return what *delta* brings to the answer or to the thoughts: signatures are neither."""
        if delta.type == "text_delta":
            return [self._told(text=str(delta.text or ""))]
        if delta.type != "thinking_delta" or not (thinking := thought(delta.thinking)):
            return ()

        block = (event.index,)
        gap = "" if self._thinks_in in ((), block) else PARAGRAPH
        self._thinks_in = block
        return [self._told(reasoning=gap + thinking)]

    def _told(self, *, text: str = "", reasoning: str = "") -> Delta:
        return Delta(text=text, reasoning=reasoning, model=self._model, request_id=self._request_id)

    def _end(self) -> Delta:
        return Delta(
            finish_reason=finish_reason(self._last.stop_reason, self._last.stop_sequence),
            matched_stop=self._last.stop_sequence,
            usage=self._usage.canonical(),
            model=self._model,
            request_id=self._request_id,
        )


def refused(sent: WireError, errors: ErrorTable, request_id: str | None) -> ProviderError:
    """Return the error that Anthropic's words stand for."""
    message = sent.message or sent.type or "the answer is an error"
    if TOO_LONG in message:
        return ContextLengthExceeded(message, code=sent.type, request_id=request_id)
    return failure(message, table=errors, code=sent.type, request_id=request_id)


def _error(sent: WireError | str, errors: ErrorTable, request_id: str | None) -> ProviderError:
    return refused(WireError(message=sent) if isinstance(sent, str) else sent, errors, request_id)
