"""A provider that posts JSON over HTTP: all of it but the vendor's own words."""

from __future__ import annotations

import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Hashable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager
from typing import Any, ClassVar, Literal, Protocol

import httpx2

from asyncllm._keys import in_headers
from asyncllm._types import Response
from asyncllm.errors import ProviderError
from asyncllm.provider import Delta, Provider, Request, Wire, in_one_piece

from ._allowances import AllowanceHeaders, allowances
from ._connections import acquire, gauges, release
from ._events import content, events, lines, received
from ._settings import checked_headers, checked_text, checked_url


class Client(Protocol):
    """What the clients of the SDKs have in common."""

    def get(self, *args: Any, **kwargs: Any) -> Awaitable[Any]: ...

    def post(self, *args: Any, **kwargs: Any) -> Awaitable[Any]: ...


class Surface(ABC):
    """One of a vendor's APIs: where its requests go, and how requests and answers are put into words."""

    path: str
    """Where requests go, below the server's address: ``"/v1/chat/completions"``."""
    framing: ClassVar[Literal["events", "lines"]] = "events"
    """What a stream is made of: server-sent events, or lines of JSON."""
    last_event: ClassVar[str | None] = None
    """The data of a stream's last event, if the connection may stay open after it; the reader gets it too."""

    @abstractmethod
    def body(self, request: Request, *, stream: bool) -> bytes:
        """Return *request* as JSON."""

    @abstractmethod
    def response(self, content: bytes, request_id: str | None) -> Response:
        """Return what the JSON of a whole answer says; raise the error that it may be."""

    @abstractmethod
    def reader(self, request_id: str | None) -> Callable[[str], Iterable[Delta]]:
        """
        Return what reads one stream: from the data of each event, or each line, to what it brings.

        The last event is among them, also where it is no JSON: it brings nothing.
        """


class HTTPProvider(Provider):
    """
    A provider that posts JSON over HTTP, through the client of its vendor's SDK or :class:`PlainClient`.

    A plugin adds its tables, the names below, and two methods: :meth:`client`, and
    :meth:`surface`, whose :class:`Surface` puts requests and answers into words.
    The pool, the settings, the ends of a call, and an answer that comes whole
    where a stream was asked for, are here.

    Args:
        api_key: Default: what the environment holds when the provider opens.

        base_url: The server's address. Default: the environment's, or the SDK's own.

        headers: Sent along with every request.

    Raises:
        InvalidParameter: One of them cannot be sent.
    """

    key_variable: ClassVar[str]
    """The environment's variable that holds the key."""
    url_variable: ClassVar[str]
    """The environment's variable that holds the server's address."""
    default_url: ClassVar[str | None] = None
    """The server's address where none is given, if the vendor has one: what calls are told of by."""
    id_header: ClassVar[str] = "x-request-id"
    """The header that holds an answer's id; a client of one's own reads it from errors."""

    allowance_headers: ClassVar[Sequence[AllowanceHeaders]] = ()
    """Which headers of answers, and of errors, say what is left of the server's limits."""

    secret_settings: ClassVar[frozenset[str]] = frozenset({"api_key", "headers"})

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._api_key = checked_text("api_key", api_key)
        self.base_url = checked_url(base_url) or checked_url(os.environ.get(self.url_variable))
        self.headers = checked_headers(headers)
        self._pool: httpx2.AsyncClient | None = None
        self._client: Client | None = None
        self._sent_key: str | None = None

    @classmethod
    def describe(cls) -> Mapping[str, Any]:
        """Return which of its variables the environment has, and nothing of what is in them."""
        known = (cls.key_variable, cls.url_variable)
        return {name: "set" if os.environ.get(name) else "not set" for name in known}

    @property
    def key(self) -> str | None:
        """The setting ``api_key``, or else what the environment holds now."""
        return self._api_key or checked_text(self.key_variable, os.environ.get(self.key_variable))

    @abstractmethod
    def client(self, pool: httpx2.AsyncClient) -> Client:
        """Return the SDK's client, which sends through *pool* and never by itself tries again."""

    @abstractmethod
    def surface(self, request: Request) -> Surface:
        """Return the API that *request* goes to."""

    def is_streamed(self, request: Request) -> bool:
        """
        Say whether a whole answer, too, is taken as a stream.

        That is the way with vendors that refuse to keep a long answer waiting, and
        with servers that see only while they send that the client has left: one that
        computes a whole answer first goes on for nobody.
        """
        return False

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> httpx2.Response:
        """
        Send *body* to *path* and return the answer, of which only the headers have been read.

        Past the SDKs' typed methods, which cost more than all the rest and know
        fewer keys. Their errors come out as they are, for the table to translate.
        """
        return await self.upload(path, body, headers)

    async def upload(
        self, path: str, body: bytes | AsyncIterable[bytes], headers: Mapping[str, str]
    ) -> httpx2.Response:
        """Send what may be too much to be held at once, as :meth:`post` does."""
        assert self._client is not None, "aopen() comes first"
        kind = {"content-type": "application/json"}
        return await _sent(self._client.post, path, headers={**kind, **headers}, content=body)

    async def get(self, path: str) -> httpx2.Response:
        """Ask for what is at *path*, as :meth:`post` sends."""
        assert self._client is not None, "aopen() comes first"
        return await _sent(self._client.get, path, headers={})

    async def fetched(self, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Send *body* to *path* and return the whole answer."""
        return await received(await self.post(path, body, headers))

    def wire(self, request: Request, *, stream: bool = False) -> Wire:
        surface = self.surface(request)
        body = json.loads(surface.body(request, stream=stream or self.is_streamed(request)))
        return Wire(to=f"POST {surface.path}", headers=request.headers, body=body)

    async def aopen(self) -> None:
        self._pool = await acquire()
        self._sent_key = self.key  # The environment may change; the client keeps what it was made with.
        self._client = self.client(self._pool)

    async def complete(self, request: Request) -> Response:
        if self.is_streamed(request):
            return await super().complete(request)

        async with self._asked(request, stream=False) as (surface, answer):
            return surface.response(await content(answer), answer.headers.get(self.id_header))

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncGenerator[AsyncIterator[Delta]]:
        async with self._asked(request, stream=True) as (surface, answer):
            yield self._deltas(surface, answer)

    async def aclose(self) -> None:
        if self._pool is not None:
            self._pool = self._client = None
            await release()

    def account(self) -> Hashable:
        told = json.dumps([self._sent_key, sorted(self.headers.items())])
        return self.base_url or self.default_url, hashlib.blake2b(told.encode(), digest_size=16).digest()

    def gauges(self) -> Mapping[Hashable, Mapping[str, float]]:
        return {} if self._pool is None else gauges(self._pool)

    def secrets(self) -> Iterable[str]:
        key = [self._sent_key] if self._sent_key else []
        return [*key, *in_headers(self.headers)]

    @asynccontextmanager
    async def _asked(
        self, request: Request, *, stream: bool
    ) -> AsyncGenerator[tuple[Surface, httpx2.Response]]:
        surface = self.surface(request)
        try:
            answer = await self.post(surface.path, surface.body(request, stream=stream), request.headers)
        except Exception as exc:
            self._hear(request, getattr(exc.__cause__ or exc, "response", None))
            raise
        self._hear(request, answer)
        try:
            yield surface, answer
        finally:
            await answer.aclose()

    def _hear(self, request: Request, answer: httpx2.Response | None) -> None:
        """Pass on what the headers of *answer* say of the server's limits."""
        if answer is not None and (said := [*allowances(self.allowance_headers, answer.headers)]):
            self.told(request.model, said)

    async def _deltas(self, surface: Surface, answer: httpx2.Response) -> AsyncGenerator[Delta]:
        request_id = answer.headers.get(self.id_header)
        if _is_json(answer):
            # A gateway that does not stream, or an error that comes with a status of 200.
            for delta in in_one_piece(surface.response(await content(answer), request_id)):
                yield delta
            return

        read = surface.reader(request_id)
        framed = lines(answer) if surface.framing == "lines" else events(answer, last=surface.last_event)
        async with aclosing(framed) as source:
            async for data in source:
                for delta in read(data):
                    yield delta


async def _sent(
    method: Callable[..., Awaitable[Any]], path: str, *, headers: Mapping[str, str], **content: Any
) -> httpx2.Response:
    try:
        answer: httpx2.Response = await method(
            path,
            cast_to=httpx2.Response,
            options={"headers": headers},
            # Always: read by the SDK, a body that is not what it is marked as is a connection error.
            stream=True,
            **content,
        )
    except Exception as exc:
        # To Anthropic's SDK, what the pool refuses is a connection error too.
        if isinstance(exc.__cause__, ProviderError):
            raise exc.__cause__ from None
        raise
    return answer


def _is_json(answer: httpx2.Response) -> bool:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind.endswith(("/json", "+json"))
