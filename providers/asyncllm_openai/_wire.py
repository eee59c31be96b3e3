"""What goes over the wire, and what comes back: OpenAI's words for our types, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from asyncllm import Choice, FinishReason, Message, Response, Usage
from asyncllm.errors import ErrorTable, InvalidResponse, failure
from asyncllm.provider import Delta, Request

FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop":           "stop",
    "length":         "length",
    "tool_calls":     "tool_calls",
    "function_call":  "tool_calls",
    "content_filter": "content_filter",
    "error":          "error",      # OpenRouter
    "abort":          "cancelled",  # vLLM
}  # fmt: skip


class PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int = 0
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None

    def canonical(self) -> Usage:
        prompt = self.prompt_tokens_details or PromptDetails()
        completion = self.completion_tokens_details or CompletionDetails()
        return Usage(
            input_tokens=self.prompt_tokens,
            output_tokens=self.completion_tokens,
            cached_tokens=prompt.cached_tokens or 0,
            cache_write_tokens=prompt.cache_write_tokens or 0,
            reasoning_tokens=completion.reasoning_tokens or 0,
        )


class WireMessage(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class WireChoice(msgspec.Struct):
    index: int = 0
    message: WireMessage = msgspec.field(default_factory=WireMessage)
    delta: WireMessage = msgspec.field(default_factory=WireMessage)
    finish_reason: str | None = None
    stop_reason: str | int | None = None
    """vLLM's word for the stop token that matched; a number is a token's."""


class WireError(msgspec.Struct):
    message: str = ""
    code: str | int | None = None
    type: str | None = None


class Completion(msgspec.Struct):
    """A whole answer, or one chunk of a streamed one."""

    choices: list[WireChoice] = msgspec.field(default_factory=list[WireChoice])
    model: str | None = None
    usage: WireUsage | None = None
    error: WireError | str | None = None
    """Some servers answer 200 and only then find out; so do streams."""


completion = msgspec.json.Decoder(Completion)


def body(request: Request, *, stream: bool) -> bytes:
    """Return the body of *request*: what the rules made of the parameters; what was not set is absent."""
    fields: dict[str, Any] = {
        "model": request.model,
        "messages": [_message(message) for message in request.messages],
        **request.options,
    }
    if stream:
        fields |= {"stream": True, "stream_options": {"include_usage": True}}
    return msgspec.json.encode(fields)


def response(answer: Completion, *, request_id: str | None, raw: Any) -> Response:
    """Return *answer* in our words."""
    if not answer.choices:
        raise InvalidResponse("the answer holds no choices", request_id=request_id)

    return Response(
        choices=tuple(
            Choice(
                text=choice.message.content or choice.message.refusal or "",
                finish_reason=_finish_reason(choice, choice.message) or "unknown",
                matched_stop=_matched_stop(choice),
            )
            for choice in sorted(answer.choices, key=lambda choice: choice.index)
        ),
        usage=answer.usage.canonical() if answer.usage else None,
        model=answer.model or "",
        request_id=request_id,
        raw=raw,
    )


def deltas(chunk: Completion, *, request_id: str | None) -> list[Delta]:
    """Return what *chunk* brings."""
    brought = [
        Delta(
            text=choice.delta.content or choice.delta.refusal or "",
            index=choice.index,
            finish_reason=_finish_reason(choice, choice.delta),
            matched_stop=_matched_stop(choice),
            model=chunk.model,
            request_id=request_id,
        )
        for choice in chunk.choices
    ]
    if chunk.usage is not None:
        brought.append(Delta(usage=chunk.usage.canonical(), model=chunk.model, request_id=request_id))
    return brought


def sound(answer: Completion, errors: ErrorTable) -> Completion:
    """Return *answer*, or raise the error that it is, whatever its status said."""
    if answer.error is None:
        return answer

    error = WireError(answer.error) if isinstance(answer.error, str) else answer.error
    status = error.code if isinstance(error.code, int) else None
    code = error.code if isinstance(error.code, str) else error.type
    raise failure(error.message or "the answer is an error", table=errors, code=code, status=status)


def _message(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.text}


def _finish_reason(choice: WireChoice, message: WireMessage) -> FinishReason | None:
    if choice.finish_reason is None:
        return None
    if message.refusal:
        return "refusal"
    if _matched_stop(choice) is not None:
        return "stop_sequence"
    return FINISH_REASONS.get(choice.finish_reason, "unknown")


def _matched_stop(choice: WireChoice) -> str | None:
    return choice.stop_reason if isinstance(choice.stop_reason, str) else None
