"""OpenAI's models for asyncllm, and those of every server that speaks its API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal
from urllib.parse import urlsplit

import httpx2
import msgspec
import openai

from asyncllm import http
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
    UnexpectedResponse,
)
from asyncllm.provider import Params, Request
from asyncllm.rules import Rules

from ._chat import Chat
from ._families import COMPATIBLE, rules_for

__all__ = ["OpenAIProvider"]

DIALECTS = ("openai", "compatible")


class OpenAIProvider(http.HTTPProvider):
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
        InvalidParameter: A setting is of the wrong type, or cannot be sent.
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
        msgspec.ValidationError:      UnexpectedResponse,
        "insufficient_quota":         QuotaExceeded,
        "billing_hard_limit_reached": QuotaExceeded,
        "context_length_exceeded":    ContextLengthExceeded,
        "exceed_context_size_error":  ContextLengthExceeded,  # llama-server
        "model_not_found":            ModelNotFound,
        "invalid_request_error":      RequestRejected,
        "rate_limit_exceeded":        RateLimited,
        "server_error":               Unavailable,
    }  # fmt: skip

    key_variable = "OPENAI_API_KEY"
    url_variable = "OPENAI_BASE_URL"

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
        if dialect is not None and dialect not in DIALECTS:
            raise InvalidParameter(f"dialect takes 'openai' or 'compatible'; got {dialect!r}")

        super().__init__(api_key=api_key, base_url=base_url, headers=headers)
        self._dialect = dialect or ("openai" if _is_openai(self.base_url) else "compatible")
        self._organization = http.checked_text("organization", organization)
        self._project = http.checked_text("project", project)

    def rules(self, model: str, params: Params) -> Rules:
        return rules_for(model, params) if self._dialect == "openai" else COMPATIBLE

    def client(self, pool: httpx2.AsyncClient) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(
            api_key=self._key_or_none_needed(),
            base_url=self.base_url,
            organization=self._organization,
            project=self._project,
            default_headers=self.headers,
            max_retries=0,  # Retrying is the core's.
            http_client=pool,
        )

    def surface(self, request: Request) -> http.Surface:
        return Chat(self.errors)

    def _key_or_none_needed(self) -> str:
        if self.key:
            return self.key
        if self._dialect == "openai":
            raise MissingAPIKey("OpenAI needs a key: set the environment's OPENAI_API_KEY, or give api_key=")

        return "unused"  # The SDK insists on one; a local server seldom does.


def _is_openai(url: str | None) -> bool:
    host = urlsplit(url).hostname if url else "api.openai.com"
    return host is not None and (host == "openai.com" or host.endswith(".openai.com"))
