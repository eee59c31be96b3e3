"""What goes over the wire, and what comes back: Ollama's words for our types, both ways."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from asyncllm import http
from asyncllm.errors import ContextLengthExceeded, ErrorTable, ProviderError, UnexpectedResponse, failure
from asyncllm.provider import (
    Answer,
    Delta,
    FinishReason,
    Message,
    Request,
    Response,
    Role,
    TokenLogprob,
    Usage,
)

FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop":   "stop",    # also where a stop token came up: Ollama does not say
    "length": "length",
}  # fmt: skip

ROLES: Mapping[Role, Role] = {"developer": "system"}
"""Ollama's words for roles: most models' templates know no developer."""

TOO_LONG = re.compile(r"context (length|size)")
"""What only the words of an error tell: Ollama has no codes."""


# What is not needed to tell the answer may be null, or of any type, without the answer being lost.


class WireMessage(msgspec.Struct):
    content: str | None = None
    thinking: Any = None
    tool_calls: Any = None


class Candidate(msgspec.Struct):
    token: str
    logprob: float


class TokenChoice(msgspec.Struct):
    token: str
    logprob: float
    top_logprobs: list[Candidate] = []


class WireError(msgspec.Struct):
    """A gateway's error; Ollama's own is a text."""

    message: str


class Line(msgspec.Struct):
    """A line of a stream: a piece of the answer, its end, or an error."""

    message: WireMessage | None = None
    done: bool | None = None
    done_reason: Any = None
    model: Any = None
    prompt_eval_count: Any = None
    eval_count: Any = None
    logprobs: msgspec.Raw = msgspec.Raw(b"null")
    error: WireError | str | None = None

    def usage(self) -> Usage | None:
        counts = (self.prompt_eval_count, self.eval_count)
        if not any(isinstance(count, int) for count in counts):
            return None

        # Old servers leave the prompt's count out where all of it came from their cache.
        asked, answered = (count if isinstance(count, int) else 0 for count in counts)
        return Usage(input_tokens=asked, output_tokens=answered)


line_decoder = msgspec.json.Decoder(Line)
logprobs_decoder: msgspec.json.Decoder[list[TokenChoice] | None] = msgspec.json.Decoder(
    list[TokenChoice] | None
)


class Chat(http.Surface):
    """Ollama's ``/api/chat``."""

    path = "/api/chat"
    framing = "lines"

    def __init__(self, errors: ErrorTable, *, keep_alive: float | str | None = None) -> None:
        self._errors = errors
        self._keep_alive = {} if keep_alive is None else {"keep_alive": keep_alive}

    def body(self, request: Request, *, stream: bool) -> bytes:
        fields: dict[str, Any] = {
            "model": request.model,
            "messages": [_message(message) for message in request.messages],
            "stream": stream,
            # A conversation that does not fit is refused; else Ollama leaves out its beginning, unsaid.
            "truncate": False,
            **self._keep_alive,
            **request.options,
        }
        return msgspec.json.encode(fields)

    def response(self, content: bytes, request_id: str | None) -> Response:
        answer, read = Answer(), self.reader(request_id)
        for line in content.split(b"\n"):
            if line.strip():
                for delta in read(line.decode()):
                    answer.add(delta)
        return answer.response()

    def reader(self, request_id: str | None) -> Callable[[str], Iterable[Delta]]:
        return Reader(self._errors, request_id=request_id).read


class Reader:
    """Reads a stream's lines, and keeps whether the model asked for a tool."""

    def __init__(self, errors: ErrorTable, *, request_id: str | None) -> None:
        self._errors = errors
        self._request_id = request_id
        self._calls_tools = False

    def read(self, data: str) -> Iterable[Delta]:
        """Return what the line *data* brings."""
        line = line_decoder.decode(data)
        if line.error:
            words = line.error if isinstance(line.error, str) else line.error.message
            raise failed(words, self._errors, request_id=self._request_id)
        if line.message is None and line.done is None:
            raise UnexpectedResponse("the answer is none of Ollama's", request_id=self._request_id)

        message = line.message or WireMessage()
        self._calls_tools |= bool(message.tool_calls)
        yield Delta(
            text=message.content or "",
            finish_reason=self._finish_reason(line) if line.done else None,
            # Thoughts have tokens too.
            logprobs=_logprobs(line.logprobs) if message.content else (),
            reasoning=message.thinking if isinstance(message.thinking, str) else "",
            usage=line.usage() if line.done else None,
            model=line.model if isinstance(line.model, str) else None,
            request_id=self._request_id,
        )

    def _finish_reason(self, line: Line) -> FinishReason:
        if self._calls_tools:
            return "tool_calls"
        return FINISH_REASONS.get(str(line.done_reason), "unknown")


def failed(words: str, errors: ErrorTable, **details: Any) -> ProviderError:
    """Return the error that Ollama puts into *words*."""
    if TOO_LONG.search(words):
        return ContextLengthExceeded(words, **details)
    return failure(words, table=errors, **details)


def _message(message: Message) -> dict[str, str]:
    return {"role": ROLES.get(message.role, message.role), "content": message.text}


def _logprobs(raw: msgspec.Raw) -> tuple[TokenLogprob, ...]:
    try:
        found = logprobs_decoder.decode(raw)
    except msgspec.ValidationError:
        return ()
    return tuple(
        TokenLogprob(
            token=each.token,
            logprob=each.logprob,
            likeliest=tuple((other.token, other.logprob) for other in each.top_logprobs),
        )
        for each in found or ()
    )
