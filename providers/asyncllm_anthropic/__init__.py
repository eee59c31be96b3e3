"""Anthropic's models for asyncllm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import anthropic
import httpx2
import msgspec

from asyncllm import http
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
    UnexpectedResponse,
)
from asyncllm.provider import Params, Request
from asyncllm.rules import Rules

from ._families import VERSION_HEADER, rules_for
from ._messages import Messages

__all__ = ["AnthropicProvider"]

LONGEST_UNSTREAMED = 21_333
"""Tokens: a longer answer may take over ten minutes, and idle connections get cut (the SDK's own figure)."""


class AnthropicProvider(http.HTTPProvider):
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
        InvalidParameter: A setting is of the wrong type, or cannot be sent.
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
        msgspec.ValidationError:             UnexpectedResponse,
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

    key_variable = "ANTHROPIC_API_KEY"
    url_variable = "ANTHROPIC_BASE_URL"
    id_header = "request-id"

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        api_version: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(api_key=api_key, base_url=base_url, headers=headers)
        self._api_version = http.checked_text("api_version", api_version)

    def rules(self, model: str, params: Params) -> Rules:
        return rules_for(model, self._api_version)

    def client(self, pool: httpx2.AsyncClient) -> anthropic.AsyncAnthropic:
        if not self.key:
            raise MissingAPIKey(
                "Anthropic needs a key: set the environment's ANTHROPIC_API_KEY, or give api_key="
            )

        version = {VERSION_HEADER: self._api_version} if self._api_version else {}
        return anthropic.AsyncAnthropic(
            api_key=self.key,
            base_url=self.base_url,
            default_headers={**version, **self.headers},
            max_retries=0,  # Retrying is the core's.
            http_client=pool,
        )

    def surface(self, request: Request) -> http.Surface:
        return Messages(self.errors)

    def is_streamed(self, request: Request) -> bool:
        return bool(request.options["max_tokens"] > LONGEST_UNSTREAMED)

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> httpx2.Response:
        try:
            return await super().post(path, body, headers)
        except anthropic.BadRequestError as exc:
            # The one refusal of Anthropic's that only its words tell from others.
            if "prompt is too long" in str(exc):
                raise ContextLengthExceeded(
                    str(exc), status=exc.status_code, code=exc.type, request_id=exc.request_id
                ) from exc
            raise
