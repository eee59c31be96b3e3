"""OpenAI's models for asyncllm, and those of every server that speaks its API."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, ClassVar, Literal, cast
from urllib.parse import urlsplit

import httpx2
import msgspec
import openai

from asyncllm import Response, http
from asyncllm.errors import (
    AuthenticationFailed,
    ContextLengthExceeded,
    ErrorTable,
    InvalidParameter,
    InvalidResponse,
    MissingAPIKey,
    ModelNotFound,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    TimedOut,
    Unavailable,
)
from asyncllm.provider import Delta, Params, Provider, Request
from asyncllm.rules import Rules

from . import _wire
from ._families import COMPATIBLE, rules_for

__all__ = ["OpenAIProvider"]

PATH = "/chat/completions"
DONE = "[DONE]"


class OpenAIProvider(Provider):
    """
    OpenAI's Chat Completions, and every server that speaks it.

    Args:
        api_key: Default: the environment's ``OPENAI_API_KEY``.

        base_url:
            Another server's address, as in ``"http://localhost:8000/v1"``.
            Default: the environment's ``OPENAI_BASE_URL``, or OpenAI itself.

        organization: Default: the environment's ``OPENAI_ORG_ID``.

        project: Default: the environment's ``OPENAI_PROJECT_ID``.

        headers: Sent along with every request.

        dialect:
            Whose rules the server keeps: ``"openai"`` (a gateway before OpenAI
            itself) or ``"compatible"``. Default: told from the address.

    Raises:
        InvalidParameter: *base_url* is no address, or *dialect* none of the two.
    """

    errors: ClassVar[ErrorTable] = {
        **http.TRANSPORT_ERRORS,
        openai.AuthenticationError:   AuthenticationFailed,
        openai.PermissionDeniedError: AuthenticationFailed,
        openai.NotFoundError:         ModelNotFound,
        openai.RateLimitError:        RateLimited,
        openai.InternalServerError:   Unavailable,
        openai.APIStatusError:        RequestRejected,
        openai.APITimeoutError:       TimedOut,
        openai.APIConnectionError:    Unavailable,
        openai.APIError:              Unavailable,
        msgspec.DecodeError:          InvalidResponse,
        "insufficient_quota":         QuotaExceeded,
        "billing_hard_limit_reached": QuotaExceeded,
        "context_length_exceeded":    ContextLengthExceeded,
        "exceed_context_size_error":  ContextLengthExceeded,  # llama-server
        "model_not_found":            ModelNotFound,
        "invalid_request_error":      RequestRejected,
        "rate_limit_exceeded":        RateLimited,
        "server_error":               Unavailable,
    }  # fmt: skip

    secret_settings: ClassVar[frozenset[str]] = frozenset({"api_key", "headers"})

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        headers: Mapping[str, str] | None = None,
        dialect: Literal["openai", "compatible"] | None = None,
    ) -> None:
        if dialect not in {None, "openai", "compatible"}:
            raise InvalidParameter(f"dialect takes 'openai' or 'compatible'; got {dialect!r}")

        self._api_key = api_key
        self._base_url = http.checked_url(base_url or os.environ.get("OPENAI_BASE_URL"))
        self._dialect = dialect or ("openai" if _is_openai(self._base_url) else "compatible")
        self._organization = organization
        self._project = project
        self._headers = dict(headers or {})
        self._pool: httpx2.AsyncClient | None = None
        self._client: openai.AsyncOpenAI | None = None

    def rules(self, model: str, params: Params) -> Rules:
        return rules_for(model, params) if self._dialect == "openai" else COMPATIBLE

    async def aopen(self) -> None:
        key = self._key()
        self._pool = await http.acquire()
        self._client = openai.AsyncOpenAI(
            api_key=key,
            base_url=self._base_url,
            organization=self._organization,
            project=self._project,
            default_headers=self._headers,
            max_retries=0,  # Retrying is the core's.
            http_client=self._pool,
        )

    async def complete(self, request: Request) -> Response:
        answer = await self._posted(request, stream=False)
        return _wire.response(
            _wire.sound(_wire.completion.decode(answer.content), self.errors),
            request_id=answer.headers.get("x-request-id"),
            raw=msgspec.json.decode(answer.content),
        )

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncGenerator[AsyncIterator[Delta]]:
        answer = await self._posted(request, stream=True)
        try:
            yield self._deltas(answer)
        finally:
            await answer.aclose()

    async def aclose(self) -> None:
        if self._pool is not None:
            self._pool = self._client = None
            await http.release()

    def secrets(self) -> Iterable[str]:
        key = self._api_key or os.environ.get("OPENAI_API_KEY")
        return [secret for secret in (key, *self._headers.values()) if secret]

    async def _posted(self, request: Request, *, stream: bool) -> httpx2.Response:
        """Post past the SDK's typed methods, which cost more than all the rest and know fewer keys."""
        assert self._client is not None, "aopen() comes first"
        return await self._client.post(
            PATH,
            content=_wire.body(request, stream=stream),
            cast_to=httpx2.Response,
            options={"headers": {"content-type": "application/json", **request.headers}},
            stream=stream,
            stream_cls=cast("Any", openai.AsyncStream[Any]) if stream else None,
        )

    async def _deltas(self, answer: httpx2.Response) -> AsyncGenerator[Delta]:
        request_id = answer.headers.get("x-request-id")
        begun, ended = {0}, set[int]()
        async with aclosing(http.events(answer, last=DONE)) as events:
            async for event in events:
                if event.data == DONE:
                    # A server that gives no finish reason (Ollama, at times) has still said so much.
                    brought = [Delta(index=index, finish_reason="unknown") for index in begun - ended]
                else:
                    chunk = _wire.sound(_wire.completion.decode(event.data), self.errors)
                    brought = _wire.deltas(chunk, request_id=request_id)
                for delta in brought:
                    begun.add(delta.index)
                    if delta.finish_reason:
                        ended.add(delta.index)
                    yield delta

    def _key(self) -> str:
        if key := self._api_key or os.environ.get("OPENAI_API_KEY"):
            return key
        if self._dialect == "openai":
            raise MissingAPIKey("OpenAI needs a key: set the environment's OPENAI_API_KEY, or give api_key=")

        return "unused"  # The SDK insists on one; a local server seldom does.


def _is_openai(url: str | None) -> bool:
    host = urlsplit(url).hostname if url else "api.openai.com"
    return host is not None and (host == "openai.com" or host.endswith(".openai.com"))
