"""What both of OpenAI's APIs have in common on the wire: errors, counts, and tokens' probabilities."""

from __future__ import annotations

from typing import Any

import msgspec

from asyncllm.errors import ContextLengthExceeded, ErrorTable, ProviderError, Unavailable, failure
from asyncllm.provider import TokenLogprob, Usage

TOO_LARGE = "Request too large"
"""What only OpenAI's words tell from requests that came too soon: no wait makes room for it."""


class WireError(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None
    type: str | None = None


class Details(msgspec.Struct):
    """What some of the tokens were."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


def usage_of(
    asked: int | None, answered: int | None, of_asked: Details | None, of_answered: Details | None
) -> Usage | None:
    """Return the tokens of prompt and answer in our words; None where the server told neither."""
    if asked is None and answered is None:
        return None

    of_asked, of_answered = of_asked or Details(), of_answered or Details()
    return Usage(
        input_tokens=asked or 0,
        output_tokens=answered or 0,
        cached_tokens=of_asked.cached_tokens or 0,
        cache_write_tokens=of_asked.cache_write_tokens or 0,
        reasoning_tokens=of_answered.reasoning_tokens or 0,
    )


class Candidate(msgspec.Struct):
    token: str | None = None
    logprob: float | None = None


class WireLogprob(msgspec.Struct):
    token: str
    logprob: float
    top_logprobs: list[Candidate] | None = None

    def canonical(self) -> TokenLogprob:
        return TokenLogprob(
            token=self.token,
            logprob=self.logprob,
            likeliest=tuple(
                (other.token, other.logprob)
                for other in self.top_logprobs or ()
                if other.token is not None and other.logprob is not None
            ),
        )


def failed(
    sent: WireError,
    errors: ErrorTable,
    request_id: str | None,
    *,
    unknown: type[ProviderError] = Unavailable,
) -> ProviderError:
    """Return the error that a server's words stand for; *unknown* where they are in no table."""
    codes = [code for code in (sent.code, sent.type) if isinstance(code, str)]
    if sent.message and TOO_LARGE in sent.message:
        return ContextLengthExceeded(sent.message, code=next(iter(codes), None), request_id=request_id)
    return failure(
        sent.message or "the answer is an error",
        table=errors,
        code=next((code for code in codes if code in errors), next(iter(codes), None)),
        status=sent.code if isinstance(sent.code, int) else None,
        unknown=unknown,
        request_id=request_id,
    )


def word(value: Any) -> str | None:
    """Return *value* if it is a text: what only goes along must not cost the answer."""
    return value if isinstance(value, str) else None
