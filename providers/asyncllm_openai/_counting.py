"""Where a server counts tokens, and how it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from asyncllm.provider import Request

from ._chat import messages_of
from ._dialects import Dialect
from ._responses import items_of
from ._rows import in_responses
from ._servers import OPEN_MODELS

ABSENT = frozenset({404, 405, 501})
"""What a server answers that does not count."""


class InputTokens(msgspec.Struct):
    input_tokens: int


class Tokenized(msgspec.Struct):
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A server's way to count."""

    path: str
    """Where it is asked, below the server's address."""
    body: Callable[[Request], Mapping[str, Any]]
    tokens: Callable[[bytes], int]
    """From its answer to the count."""
    beside: bool = False
    """Whether that is not below ``/v1`` but beside it."""

    def url(self, base_url: str | None) -> str:
        """Return where the server at *base_url* counts: an address, or a path below that one."""
        if base_url is None or not self.beside:
            return self.path
        return base_url.rstrip("/").removesuffix("/v1") + self.path


def _as_responses(request: Request) -> Mapping[str, Any]:
    options = request.options
    texts = in_responses(options["response_format"]) if "response_format" in options else {}
    said = {name: options[name] for name in ("text", "reasoning") if name in options}
    return {"model": request.model, "input": items_of(request), **texts, **said}


def _as_chat(request: Request) -> Mapping[str, Any]:
    return {"model": request.model, "messages": messages_of(request, called=OPEN_MODELS)}


def _input_tokens(answer: bytes) -> int:
    return msgspec.json.decode(answer, type=InputTokens).input_tokens


def _tokenized(answer: bytes) -> int:
    return msgspec.json.decode(answer, type=Tokenized).count


COUNTERS: Mapping[Dialect, Counter] = {
    "openai":       Counter(path="/responses/input_tokens", body=_as_responses, tokens=_input_tokens),
    "llama-server": Counter(path="/chat/completions/input_tokens", body=_as_chat, tokens=_input_tokens),
    "vllm":         Counter(path="/tokenize", body=_as_chat, tokens=_tokenized, beside=True),
}  # fmt: skip
"""The dialects that count; for others it is an estimate."""
