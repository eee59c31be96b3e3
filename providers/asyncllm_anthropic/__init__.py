"""Anthropic's models for asyncllm."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, ClassVar, cast

import anthropic
import httpx2
import msgspec

from asyncllm import Response, http
from asyncllm.errors import (
    AuthenticationFailed,
    ContextLengthExceeded,
    ErrorTable,
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
from ._families import VERSION_HEADER, rules_for

__all__ = ["AnthropicProvider"]

PATH = "/v1/messages"
LONGEST_UNSTREAMED = 21_333
"""Tokens: a longer answer may take over ten minutes, and idle connections get cut (the SDK's own figure)."""


class AnthropicProvider(Provider):
    """
    Anthropic's Messages.

    Args:
        api_key: Default: the environment's ``ANTHROPIC_API_KEY``.

        base_url:
            Another server's address, without the ``/v1``. Default: the
            environment's ``ANTHROPIC_BASE_URL``, or Anthropic itself.

        api_version:
            The version of the API, as in ``"2026-10-21"``. Default: the SDK's,
            or 2023-06-01 for a call that needs it (and then the response says so).

        headers: Sent along with every request.

    Raises:
        InvalidParameter: *base_url* is no address.
    """

    errors: ClassVar[ErrorTable] = {
        **http.TRANSPORT_ERRORS,
        anthropic.AuthenticationError:       AuthenticationFailed,
        anthropic.PermissionDeniedError:     AuthenticationFailed,
        anthropic.NotFoundError:             ModelNotFound,
        anthropic.RateLimitError:            RateLimited,
        anthropic.InternalServerError:       Unavailable,
        anthropic.APIStatusError:            RequestRejected,
        anthropic.APITimeoutError:           TimedOut,
        anthropic.APIConnectionError:        Unavailable,
        anthropic.APIError:                  Unavailable,
        msgspec.DecodeError:                 InvalidResponse,
        "invalid_request_error":             RequestRejected,
        "authentication_error":              AuthenticationFailed,
        "permission_error":                  AuthenticationFailed,
        "billing_error":                     QuotaExceeded,
        "contract_spend_limit_reached":      QuotaExceeded,
        "enforced_spend_limit_reached":      QuotaExceeded,
        "not_found_error":                   ModelNotFound,
        "rate_limit_error":                  RateLimited,
        "timeout_error":                     TimedOut,
        "overloaded_error":                  Unavailable,
        "api_error":                         Unavailable,
        "exceed_context_size_error":         ContextLengthExceeded,  # llama-server
    }  # fmt: skip

    secret_settings: ClassVar[frozenset[str]] = frozenset({"api_key", "headers"})

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        api_version: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._api_key = api_key
        self._base_url = http.checked_url(base_url or os.environ.get("ANTHROPIC_BASE_URL"))
        self._api_version = api_version
        self._headers = dict(headers or {})
        self._pool: httpx2.AsyncClient | None = None
        self._client: anthropic.AsyncAnthropic | None = None

    def rules(self, model: str, params: Params) -> Rules:
        return rules_for(model, self._api_version)

    async def aopen(self) -> None:
        if not self._key():
            raise MissingAPIKey(
                "Anthropic needs a key: set the environment's ANTHROPIC_API_KEY, or give api_key="
            )

        version = {VERSION_HEADER: self._api_version} if self._api_version else {}
        self._pool = await http.acquire()
        self._client = anthropic.AsyncAnthropic(
            api_key=self._key(),
            base_url=self._base_url,
            default_headers={**version, **self._headers},
            max_retries=0,  # Retrying is the core's.
            http_client=self._pool,
        )

    async def complete(self, request: Request) -> Response:
        if request.options["max_tokens"] > LONGEST_UNSTREAMED:
            return await super().complete(request)

        answer = await self._posted(request, stream=False)
        return _wire.response(
            _wire.answer_decoder.decode(answer.content),
            self.errors,
            request_id=answer.headers.get("request-id"),
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
        return [secret for secret in (self._key(), *self._headers.values()) if secret]

    async def _posted(self, request: Request, *, stream: bool) -> httpx2.Response:
        """Post past the SDK's typed methods, which no longer know the sampling parameters."""
        assert self._client is not None, "aopen() comes first"
        try:
            return await self._client.post(
                PATH,
                content=_wire.body(request, stream=stream),
                cast_to=httpx2.Response,
                options={"headers": {"content-type": "application/json", **request.headers}},
                stream=stream,
                stream_cls=cast("Any", anthropic.AsyncStream[Any]) if stream else None,
            )
        except anthropic.BadRequestError as exc:
            # The one refusal of Anthropic's that only its words tell from others.
            if "prompt is too long" in str(exc):
                raise ContextLengthExceeded(
                    str(exc), status=exc.status_code, code=exc.type, request_id=exc.request_id
                ) from exc
            raise

    async def _deltas(self, answer: httpx2.Response) -> AsyncGenerator[Delta]:
        reader = _wire.Reader(self.errors, request_id=answer.headers.get("request-id"))
        async with aclosing(http.events(answer)) as events:
            async for event in events:
                if (delta := reader.read(_wire.event_decoder.decode(event.data))) is not None:
                    yield delta

    def _key(self) -> str | None:
        return self._api_key or os.environ.get("ANTHROPIC_API_KEY")
