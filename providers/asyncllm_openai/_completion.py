"""
The shapes of Chat Completions' answers, and what they say in our words.

What is not needed to tell the answer may be null, or of any type, without the
answer being lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from asyncllm.errors import ErrorTable
from asyncllm.provider import FinishReason, TokenLogprob, Usage

from ._wire import Details, WireError, WireLogprob, failed, usage_of, word

FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop":           "stop",
    "length":         "length",
    "tool_calls":     "tool_calls",
    "function_call":  "tool_calls",
    "content_filter": "content_filter",
    "error":          "error",      # OpenRouter
    "abort":          "cancelled",  # vLLM
}  # fmt: skip


Failure: TypeAlias = WireError | str | bool | None
"""What may stand where an error would; not all of it is one."""


class WireUsage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: Details | None = None
    completion_tokens_details: Details | None = None

    def canonical(self) -> Usage | None:
        return usage_of(
            self.prompt_tokens,
            self.completion_tokens,
            self.prompt_tokens_details,
            self.completion_tokens_details,
        )


class Part(msgspec.Struct):
    text: str | None = None


class WireMessage(msgspec.Struct):
    content: str | list[Part] | None = None
    refusal: Any = None
    reasoning: Any = None
    """OpenRouter's word, Ollama's, and vLLM's of late, for what was thought."""
    reasoning_content: Any = None
    """DeepSeek's, llama-server's and others'."""

    @property
    def text(self) -> str:
        said = self.content or word(self.refusal) or ""
        return said if isinstance(said, str) else "".join(part.text or "" for part in said)

    @property
    def thought(self) -> str:
        # Some servers say it twice, for clients that know only one of the words.
        return word(self.reasoning) or word(self.reasoning_content) or ""


class WireLogprobs(msgspec.Struct):
    content: list[WireLogprob] | None = None


class WireChoice(msgspec.Struct):
    index: int | None = None
    message: WireMessage | None = None
    delta: WireMessage | None = None
    finish_reason: str | None = None
    logprobs: msgspec.Raw = msgspec.Raw(b"null")
    error: Failure = None
    """OpenRouter's word for a provider that gave up."""
    stop_reason: Any = None
    """vLLM's word for the stop token that matched; a number is a token's."""

    @property
    def _said(self) -> WireMessage:
        return self.message or self.delta or WireMessage()

    @property
    def text(self) -> str:
        return self._said.text

    @property
    def reasoning(self) -> str:
        return self._said.thought

    @property
    def is_refusal(self) -> bool:
        return bool(word(self._said.refusal))

    @property
    def matched_stop(self) -> str | None:
        return word(self.stop_reason)

    def why(self) -> FinishReason | None:
        """Return why the text ended; None where it has not."""
        if self.finish_reason is None:
            return None
        if self.is_refusal and self.finish_reason == "stop":
            return "refusal"
        if self.matched_stop is not None:
            return "stop_sequence"
        return FINISH_REASONS.get(self.finish_reason, "unknown")

    def tokens(self) -> tuple[TokenLogprob, ...]:
        try:
            found = logprobs_decoder.decode(self.logprobs)
        except msgspec.ValidationError:
            return ()
        return tuple(each.canonical() for each in (found and found.content) or ())


class Completion(msgspec.Struct):
    """A whole answer, or one chunk of a streamed one."""

    choices: list[WireChoice] | None = None
    model: Any = None
    usage: msgspec.Raw = msgspec.Raw(b"{}")
    error: Failure = None
    """Some servers answer 200 and only then find out; so do streams."""

    def counts(self) -> Usage | None:
        try:
            usage = usage_decoder.decode(self.usage)
        except msgspec.ValidationError:
            return None
        return usage.canonical() if usage else None


completion_decoder = msgspec.json.Decoder(Completion)
logprobs_decoder: msgspec.json.Decoder[WireLogprobs | None] = msgspec.json.Decoder(WireLogprobs | None)
usage_decoder: msgspec.json.Decoder[WireUsage | None] = msgspec.json.Decoder(WireUsage | None, strict=False)


def sound(content: bytes | str, errors: ErrorTable, request_id: str | None) -> Completion:
    """Return what *content* holds, or raise the error that it is, whatever its status said."""
    answer = completion_decoder.decode(content)
    # A text that was given up on its way is still a text; one of which nothing came is not.
    told = (answer.error, *(choice.error for choice in answer.choices or () if not choice.text))
    if (error := next(filter(None, map(_error, told)), None)) is not None:
        raise failed(error, errors, request_id)
    return answer


def _error(told: Failure) -> WireError | None:
    error = WireError(told) if isinstance(told, str) else told
    is_one = isinstance(error, WireError) and (error.message or error.code or error.type)
    return error if isinstance(error, WireError) and is_one else None
