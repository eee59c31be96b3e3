"""What both of OpenAI's APIs have in common on the wire: errors, and tokens' probabilities."""

from __future__ import annotations

from typing import Any

import msgspec

from asyncllm.errors import ErrorTable, ProviderError, Unavailable, failure
from asyncllm.provider import TokenLogprob


class WireError(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None
    type: str | None = None


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
