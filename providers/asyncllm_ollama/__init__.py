"""The models of an Ollama server for asyncllm, by Ollama's own API."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import httpx2
import msgspec

from asyncllm import http
from asyncllm.errors import (
    ErrorTable,
    InvalidParameter,
    InvalidResponse,
    RequestRejected,
    Unavailable,
    UnexpectedResponse,
)
from asyncllm.provider import Params, Request, Table
from asyncllm.rules import Rules

from ._chat import TOO_LONG, Chat, failed
from ._host import address
from ._rules import rules_for

__all__ = ["OllamaProvider"]

DURATION = re.compile(r"[+-]?(0|((\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h))+)")


class OllamaProvider(http.HTTPProvider):
    """
    Ollama's own API.

    Its other one, which is like OpenAI's, knows fewer parameters, and sets some that
    nobody asked for. A conversation that does not fit into the model's context is
    refused (:exc:`ContextLengthExceeded`) rather than shortened unsaid; for a larger
    context, or for shortening, there is ``provider_options``, as in
    ``{"ollama": {"options": {"num_ctx": 16384}}}`` or ``{"ollama": {"truncate": True}}``.

    Args:
        api_key:
            For ollama.com, or a server behind a gate.
            Default: the environment's ``OLLAMA_API_KEY``, if there is one.

        base_url:
            The server's address, without a path. Default: the environment's
            ``OLLAMA_HOST``, as Ollama reads it, or ``http://127.0.0.1:11434``.

        headers: Sent along with every request.

        keep_alive:
            How long the server keeps the model loaded afterwards: seconds, or a
            text like ``"10m"``; below 0 is for ever. Default: the server's own.

    Raises:
        InvalidParameter: A setting is of the wrong type, or cannot be sent.
    """

    errors: ClassVar[ErrorTable] = {
        **http.TRANSPORT_ERRORS,
        http.ServerError:        Unavailable,
        http.StatusError:        RequestRejected,
        msgspec.DecodeError:     InvalidResponse,
        msgspec.ValidationError: UnexpectedResponse,
    }  # fmt: skip

    key_variable = "OLLAMA_API_KEY"
    url_variable = "OLLAMA_HOST"

    tables: ClassVar[Sequence[Table]] = (
        Table(name="chat", model="llama3.2"),
        Table(name="chat, gpt-oss", model="gpt-oss:20b"),
    )

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        keep_alive: float | str | None = None,
    ) -> None:
        self._url = http.checked_url(base_url) or address(os.environ.get(self.url_variable, ""))
        super().__init__(api_key=api_key, base_url=self._url, headers=headers)
        self._keep_alive = _checked_duration(keep_alive)

    def rules(self, model: str, params: Params) -> Rules:
        return rules_for(model)

    def context_size(self, request: Request) -> int | None:
        options: Any = request.options.get("options")  # The caller's own may be anything.
        size = cast("Mapping[str, Any]", options).get("num_ctx") if isinstance(options, Mapping) else None
        return size if type(size) is int and size > 0 else None

    def client(self, pool: httpx2.AsyncClient) -> http.PlainClient:
        return http.PlainClient(pool, base_url=self._url, bearer=self.key, headers=self.headers)

    def surface(self, request: Request) -> http.Surface:
        return Chat(self.errors, keep_alive=self._keep_alive)

    def is_streamed(self, request: Request) -> bool:
        # No connection is idle for long then, and who leaves is noticed at the next token.
        return True

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> httpx2.Response:
        try:
            return await super().post(path, body, headers)
        except http.StatusError as exc:
            if not TOO_LONG.search(str(exc)):
                raise
            raise failed(str(exc), self.errors, status=exc.status_code, request_id=exc.request_id) from exc


def _checked_duration(value: Any) -> float | str | None:
    if value is None or (isinstance(value, str) and DURATION.fullmatch(value)):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    raise InvalidParameter(f"keep_alive takes seconds, or a text like '10m' or '1h30m'; got {value!r}")
