"""What goes over the wire, and what comes back: OpenAI's words for our types, both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from asyncllm import http
from asyncllm.errors import ErrorTable, UnexpectedResponse, failure
from asyncllm.provider import Choice, Delta, FinishReason, Message, Request, Response, TokenLogprob, Usage

FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop":           "stop",
    "length":         "length",
    "tool_calls":     "tool_calls",
    "function_call":  "tool_calls",
    "content_filter": "content_filter",
    "error":          "error",      # OpenRouter
    "abort":          "cancelled",  # vLLM
}  # fmt: skip


DONE = "[DONE]"
"""The data of a stream's last event."""


# What is not needed to tell the answer may be null, or of any type, without the answer being lost.


class PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None

    def canonical(self) -> Usage | None:
        if self.prompt_tokens is None and self.completion_tokens is None:
            return None

        prompt = self.prompt_tokens_details or PromptDetails()
        completion = self.completion_tokens_details or CompletionDetails()
        return Usage(
            input_tokens=self.prompt_tokens or 0,
            output_tokens=self.completion_tokens or 0,
            cached_tokens=prompt.cached_tokens or 0,
            cache_write_tokens=prompt.cache_write_tokens or 0,
            reasoning_tokens=completion.reasoning_tokens or 0,
        )


class Part(msgspec.Struct):
    text: str | None = None


class WireMessage(msgspec.Struct):
    content: str | list[Part] | None = None
    refusal: Any = None


class Candidate(msgspec.Struct):
    token: str
    logprob: float


class TokenChoice(msgspec.Struct):
    token: str
    logprob: float
    top_logprobs: list[Candidate] = []


class WireLogprobs(msgspec.Struct):
    content: list[TokenChoice] | None = None


class WireChoice(msgspec.Struct):
    index: int | None = None
    message: WireMessage | None = None
    delta: WireMessage | None = None
    finish_reason: str | None = None
    logprobs: msgspec.Raw = msgspec.Raw(b"null")
    stop_reason: Any = None
    """vLLM's word for the stop token that matched; a number is a token's."""


class WireError(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None
    type: str | None = None


class Completion(msgspec.Struct):
    """A whole answer, or one chunk of a streamed one."""

    choices: list[WireChoice] | None = None
    model: Any = None
    usage: msgspec.Raw = msgspec.Raw(b"{}")
    error: WireError | str | bool | None = None
    """Some servers answer 200 and only then find out; so do streams."""


completion_decoder = msgspec.json.Decoder(Completion)
logprobs_decoder: msgspec.json.Decoder[WireLogprobs | None] = msgspec.json.Decoder(WireLogprobs | None)
usage_decoder: msgspec.json.Decoder[WireUsage | None] = msgspec.json.Decoder(WireUsage | None, strict=False)


class Chat(http.Surface):
    """OpenAI's Chat Completions."""

    path = "/chat/completions"
    last_event = DONE

    def __init__(self, errors: ErrorTable) -> None:
        self._errors = errors

    def body(self, request: Request, *, stream: bool) -> bytes:
        fields: dict[str, Any] = {
            "model": request.model,
            "messages": [_message(message) for message in request.messages],
            **request.options,
        }
        if stream:
            fields |= {"stream": True, "stream_options": {"include_usage": True}}
        return msgspec.json.encode(fields)

    def response(self, content: bytes, request_id: str | None) -> Response:
        answer = _sound(content, self._errors, request_id)
        if not answer.choices:
            raise UnexpectedResponse("the answer holds no choices", request_id=request_id)

        return Response(
            choices=tuple(
                Choice(
                    text=_text(choice.message),
                    finish_reason=_finish_reason(choice, choice.message) or "unknown",
                    matched_stop=_matched_stop(choice),
                    logprobs=_logprobs(choice),
                )
                for choice in sorted(answer.choices, key=lambda choice: choice.index or 0)
            ),
            usage=_usage(answer),
            model=_word(answer.model) or "",
            request_id=request_id,
            raw=msgspec.json.decode(content),
        )

    def reader(self, request_id: str | None) -> Callable[[str], Iterable[Delta]]:
        return Reader(self._errors, request_id=request_id).read


class Reader:
    """Reads a stream's events, and keeps which of its texts have ended."""

    def __init__(self, errors: ErrorTable, *, request_id: str | None) -> None:
        self._errors = errors
        self._request_id = request_id
        self._begun, self._ended = {0}, set[int]()

    def read(self, data: str) -> Iterable[Delta]:
        """Return what the event with *data* brings."""
        if data == DONE:
            # A server that gives no finish reason (Ollama, at times) has still said so much.
            return [Delta(index=index, finish_reason="unknown") for index in self._begun - self._ended]

        chunk = _sound(data, self._errors, self._request_id)
        brought = [
            Delta(
                text=_text(choice.delta),
                index=choice.index or 0,
                finish_reason=_finish_reason(choice, choice.delta),
                matched_stop=_matched_stop(choice),
                logprobs=_logprobs(choice),
                model=_word(chunk.model),
                request_id=self._request_id,
            )
            for choice in chunk.choices or ()
        ]
        self._begun.update(delta.index for delta in brought)
        self._ended.update(delta.index for delta in brought if delta.finish_reason)
        if (usage := _usage(chunk)) is not None:
            brought.append(Delta(usage=usage, model=_word(chunk.model), request_id=self._request_id))
        return brought


def _sound(content: bytes | str, errors: ErrorTable, request_id: str | None) -> Completion:
    """Return what *content* holds, or raise the error that it is, whatever its status said."""
    answer = completion_decoder.decode(content)
    error = WireError(answer.error) if isinstance(answer.error, str) else answer.error
    if not isinstance(error, WireError) or not (error.message or error.code or error.type):
        return answer

    status = error.code if isinstance(error.code, int) else None
    code = error.code if isinstance(error.code, str) else error.type
    message = error.message or "the answer is an error"
    raise failure(message, table=errors, code=code, status=status, request_id=request_id)


def _usage(answer: Completion) -> Usage | None:
    try:
        usage = usage_decoder.decode(answer.usage)
    except msgspec.ValidationError:
        return None
    return usage.canonical() if usage else None


def _logprobs(choice: WireChoice) -> tuple[TokenLogprob, ...]:
    try:
        found = logprobs_decoder.decode(choice.logprobs)
    except msgspec.ValidationError:
        return ()
    return tuple(
        TokenLogprob(
            token=each.token,
            logprob=each.logprob,
            likeliest=tuple((other.token, other.logprob) for other in each.top_logprobs),
        )
        for each in (found and found.content) or ()
    )


def _message(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.text}


def _text(message: WireMessage | None) -> str:
    said = (message.content or _word(message.refusal) or "") if message else ""
    return said if isinstance(said, str) else "".join(part.text or "" for part in said)


def _finish_reason(choice: WireChoice, message: WireMessage | None) -> FinishReason | None:
    if choice.finish_reason is None:
        return None
    if message and _word(message.refusal):
        return "refusal"
    if _matched_stop(choice) is not None:
        return "stop_sequence"
    return FINISH_REASONS.get(choice.finish_reason, "unknown")


def _matched_stop(choice: WireChoice) -> str | None:
    return _word(choice.stop_reason)


def _word(value: Any) -> str | None:
    """Return *value* if it is a text: what only goes along must not cost the answer."""
    return value if isinstance(value, str) else None
