"""OpenAI's models for asyncllm, and those of every server that speaks its API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar, Literal

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
    ProviderError,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    TimedOut,
    Unavailable,
    UnexpectedResponse,
)
from asyncllm.provider import Count, Delta, Params, Request, Table, Wire, estimated
from asyncllm.rules import Rules

from ._batches import OpenAIBatches
from ._chat import Chat
from ._chat_rules import CHAT
from ._counting import ABSENT, COUNTERS
from ._dialects import DIALECTS, SERVERS, Dialect, dialect_of
from ._families import is_only_in_responses
from ._responses import Responses
from ._responses_rules import RESPONSES
from ._rows import OnlyInResponses
from ._tables import TABLES
from ._vllm import BEAMS
from ._wire import TOO_LARGE

__all__ = ["OpenAIProvider"]

APIS = ("chat", "responses")
SAID = {
    None:   OnlyInResponses(),
    "chat": OnlyInResponses("this model answers only in the Responses API, and api='chat' asks elsewhere"),
}  # fmt: skip
"""What is said of a model that answers in one API only, by the setting ``api``."""


class OpenAIProvider(http.HTTPProvider):
    """
    OpenAI's Chat Completions and Responses, and every server that speaks the former.

    Args:
        api_key: Default: the environment's ``OPENAI_API_KEY``.

        base_url:
            Another server's address, as in ``"http://localhost:8000/v1"``.
            Default: the environment's ``OPENAI_BASE_URL``, or OpenAI itself.

        organization: Default: the environment's ``OPENAI_ORG_ID``.

        project: Default: the environment's ``OPENAI_PROJECT_ID``.

        headers: Sent along with every request.

        api:
            Which of OpenAI's APIs to ask: ``"chat"`` or ``"responses"``. Default:
            Chat Completions, but for models that answer only in Responses.

        dialect:
            Whose rules the server keeps: ``"openai"`` (OpenAI itself, or a gateway
            before it), ``"vllm"``, ``"llama-server"``, ``"ollama"``, ``"openrouter"``,
            or ``"compatible"``, of which nothing is known. Default: told from the
            address, where it tells. Name the server wherever you can: the others
            ignore what they do not know, so "compatible" gets only what all take.

    Raises:
        InvalidParameter: A setting is of the wrong type, or cannot be sent.
    """

    errors: ClassVar[ErrorTable] = {
        **http.TRANSPORT_ERRORS,
        http.StatusError:             RequestRejected,  # of an upload
        http.ServerError:             Unavailable,
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
        "invalid_prompt":             RequestRejected,
        "invalid_request_error":      RequestRejected,
        "rate_limit_exceeded":        RateLimited,
        "server_error":               Unavailable,
        "server_overloaded":          Unavailable,
        "slow_down":                  Unavailable,
        "vector_store_timeout":       TimedOut,
        "batch_expired":              TimedOut,
        "batch_cancelled":            ProviderError,
        "token_limit_exceeded":       RateLimited,  # of a batch: too much is waiting already
    }  # fmt: skip

    tables: ClassVar[Sequence[Table]] = TABLES

    allowance_headers: ClassVar[Sequence[http.AllowanceHeaders]] = (
        http.AllowanceHeaders("requests", "x-ratelimit-{}-requests"),
        http.AllowanceHeaders("tokens", "x-ratelimit-{}-tokens"),
        http.AllowanceHeaders("requests", "x-ratelimit-{}"),  # OpenRouter, and other gateways
    )

    key_variable = "OPENAI_API_KEY"
    url_variable = "OPENAI_BASE_URL"
    default_url = "https://api.openai.com/v1"

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        headers: Mapping[str, str] | None = None,
        api: Literal["chat", "responses"] | None = None,
        dialect: Dialect | None = None,
    ) -> None:
        _check_word("api", api, APIS)
        _check_word("dialect", dialect, DIALECTS)
        super().__init__(api_key=api_key, base_url=base_url, headers=headers)
        self._api = api
        self._dialect: Dialect = dialect or dialect_of(self.base_url)
        if api == "responses" and self._dialect != "openai":
            raise InvalidParameter(
                f"api='responses' goes with dialect='openai'; this server's is {self._dialect!r}"
            )
        self._organization = http.checked_text("organization", organization)
        self._project = http.checked_text("project", project)

    def rules(self, model: str, params: Params) -> Rules:
        if self._dialect != "openai":
            return SERVERS[self._dialect].rules
        rules = (RESPONSES if self._goes_to_responses(model) else CHAT).rules(model)
        told = SAID.get(self._api) if is_only_in_responses(model) else None
        return rules if told is None else {**rules, "model_name": told}

    def account(self) -> Hashable:
        return super().account(), self._organization, self._project

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
        if self._goes_to_responses(request.like or request.model):
            return Responses(self.errors)

        asked, server = request.options.get("n"), SERVERS.get(self._dialect)
        return Chat(
            self.errors,
            choices=asked if isinstance(asked, int) else 1,
            called=server.called if server else {},
        )

    def batches(self) -> OpenAIBatches | None:
        return OpenAIBatches(self) if self._dialect == "openai" else None

    def is_streamed(self, request: Request) -> bool:
        works_on = self._dialect != "openai" and SERVERS[self._dialect].works_on
        return works_on and BEAMS not in request.options

    def wire(self, request: Request, *, stream: bool = False) -> Wire:
        return super().wire(request, stream=stream and BEAMS not in request.options)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncGenerator[AsyncIterator[Delta]]:
        # vLLM streams no beams.
        opened = self._in_one_piece if BEAMS in request.options else super().stream
        async with opened(request) as deltas:
            yield deltas

    async def count_tokens(self, request: Request) -> Count:
        counter = COUNTERS.get(self._dialect)
        if counter is None:
            return estimated(request)

        url, body = counter.url(self.base_url), msgspec.json.encode(counter.body(request))
        try:
            answer = await self.fetched(url, body, request.headers)
        except openai.APIStatusError as exc:
            if exc.status_code in ABSENT:
                return estimated(request)
            raise
        return Count(tokens=counter.tokens(answer), exact=True)

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> httpx2.Response:
        try:
            return await super().post(path, body, headers)
        except openai.RateLimitError as exc:
            # One that is more than a whole minute's limit has the code of those that came too soon.
            if TOO_LARGE in str(exc):
                raise ContextLengthExceeded(
                    str(exc), status=exc.status_code, code=exc.code, request_id=exc.request_id
                ) from exc
            raise

    async def upload(
        self, path: str, body: bytes | AsyncIterable[bytes], headers: Mapping[str, str]
    ) -> httpx2.Response:
        if not headers.get("content-type", "").startswith("multipart/"):
            return await super().upload(path, body, headers)

        # To the SDK, files are what is read while the whole event loop waits.
        assert self._pool is not None, "aopen() comes first"
        sdk = self.client(self._pool)
        ours = {name: text for name, text in sdk.default_headers.items() if isinstance(text, str)}
        client = http.PlainClient(
            self._pool,
            base_url=str(sdk.base_url),
            headers={**sdk.auth_headers, **ours},
            id_header=self.id_header,
        )
        return await client.post(path, content=body, options={"headers": headers})

    def _goes_to_responses(self, model: str) -> bool:
        if self._dialect != "openai":
            return False
        return is_only_in_responses(model) if self._api is None else self._api == "responses"

    def _key_or_none_needed(self) -> str:
        if self.key:
            return self.key
        if self._dialect == "openai":
            raise MissingAPIKey("OpenAI needs a key: set the environment's OPENAI_API_KEY, or give api_key=")

        return "unused"  # The SDK insists on one; a local server seldom does.


def _check_word(name: str, given: object, known: Sequence[str]) -> None:
    if given is not None and given not in known:
        raise InvalidParameter(f"{name} takes one of {', '.join(map(repr, known))}; got {given!r}")
