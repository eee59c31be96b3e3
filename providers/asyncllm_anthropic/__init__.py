"""Anthropic's models for asyncllm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    ProviderError,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    TimedOut,
    Unavailable,
    UnexpectedResponse,
)
from asyncllm.provider import Count, Params, Request, Table, estimated
from asyncllm.rules import Rules

from ._answers import counted
from ._batches import AnthropicBatches
from ._families import families
from ._messages import TOO_LONG, Messages
from ._sampling import VERSION_HEADER
from ._tables import TABLES

__all__ = ["AnthropicProvider"]

LONGEST_UNSTREAMED = 21_333
"""Tokens: a longer answer may take over ten minutes, and idle connections get cut (the SDK's own figure)."""

CANNOT_COUNT = frozenset({404, 405, 501})
"""Statuses of servers that speak Anthropic's API and do not count tokens."""


class AnthropicProvider(http.HTTPProvider):
    """
    Anthropic's Messages.

    ``reasoning_effort`` also turns thinking on where a model thinks only when
    told to (4.6, 4.7, 4.8), and "none" turns it off where it can be. Older models
    think with a ``thinking_budget``, later ones take none. A model that thinks
    takes no sampling parameters; none after 4.6 takes any.

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
        "expired":                           TimedOut,               # within a batch
        "canceled":                          ProviderError,          # within a batch
    }  # fmt: skip

    tables: ClassVar[Sequence[Table]] = TABLES

    allowance_headers: ClassVar[Sequence[http.AllowanceHeaders]] = (
        http.AllowanceHeaders("requests", "anthropic-ratelimit-requests-{}"),
        http.AllowanceHeaders("tokens", "anthropic-ratelimit-tokens-{}"),
        http.AllowanceHeaders("input_tokens", "anthropic-ratelimit-input-tokens-{}"),
        http.AllowanceHeaders("output_tokens", "anthropic-ratelimit-output-tokens-{}"),
    )

    key_variable = "ANTHROPIC_API_KEY"
    url_variable = "ANTHROPIC_BASE_URL"
    default_url = "https://api.anthropic.com"
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
        return families(self._api_version).rules(model)

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
        limit = request.options.get("max_tokens")
        return not isinstance(limit, int) or limit > LONGEST_UNSTREAMED

    def batches(self) -> AnthropicBatches:
        return AnthropicBatches(self)

    async def count_tokens(self, request: Request) -> Count:
        """Ask Anthropic, which counts for free; a server that cannot count leaves an estimate."""
        messages = Messages(self.errors)
        try:
            content = await self.fetched(
                messages.counting_path, messages.counting_body(request), request.headers
            )
        except anthropic.APIStatusError as exc:
            if exc.status_code in CANNOT_COUNT:
                return estimated(request)
            raise
        return counted(content)

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> httpx2.Response:
        try:
            return await super().post(path, body, headers)
        except anthropic.BadRequestError as exc:
            # The one refusal of Anthropic's that only its words tell from others.
            if TOO_LONG in str(exc):
                raise ContextLengthExceeded(
                    str(exc), status=exc.status_code, code=exc.type, request_id=exc.request_id
                ) from exc
            raise
