"""
What providers that speak HTTP share: one pool of connections in each event loop.

For plugin authors. A provider takes the pool when it opens and gives it back
when it closes::

    async def aopen(self) -> None:
        self._client = AsyncOpenAI(http_client=await http.acquire(), max_retries=0)

    async def aclose(self) -> None:
        await http.release()
"""

from __future__ import annotations

import functools
import ssl
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import httpx2

from ._loop import PerLoop, at_loop_end
from .errors import InvalidParameter, InvalidResponse, ProviderError, TimedOut, Unavailable

__all__ = ["TRANSPORT_ERRORS", "acquire", "checked_url", "events", "release"]

TIMEOUT = httpx2.Timeout(600, connect=5, pool=None)
"""Seconds: the SDKs' own, but a call never fails for want of a free connection."""

DRAINING = 0.1
"""Seconds that a stream gets to end after its last event: as the SDKs have it."""

# As wide as there are calls in flight: the caller's limits are the only queue. A queue in the
# pool would end in PoolTimeout, which looks like a slow server and is retried.
LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=5)

TRANSPORT_ERRORS: Mapping[type[Exception] | str, type[ProviderError]] = MappingProxyType(
    {
        httpx2.TimeoutException: TimedOut,
        httpx2.TransportError:   Unavailable,
        httpx2.DecodingError:    InvalidResponse,
        httpx2.SSEError:         InvalidResponse,
        httpx2.TooManyRedirects: Unavailable,
    }
)  # fmt: skip
"""Rows for a provider's table: what can go wrong below any SDK, and sometimes gets past it."""


@dataclass
class _Pool:
    """The connections of one event loop, and what closes them when it ends."""

    client: httpx2.AsyncClient
    hook: AsyncGenerator[None]


def checked_url(url: str | None) -> str | None:
    """
    Return *url*, if it is an address that requests can go to, or None.

    Raises:
        InvalidParameter: It is something else.
    """
    if url is not None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidParameter(f"base_url takes an address like 'http://localhost:8000/v1'; got {url!r}")
    return url


async def acquire() -> httpx2.AsyncClient:
    """Return this event loop's client; call :func:`release` once for each time."""
    pool = await _pools.take()
    return pool.client


async def release() -> None:
    """Give this event loop's client back; the last to do so closes it."""
    await _pools.give_back()


async def events(
    response: httpx2.Response, *, last: str | None = None
) -> AsyncGenerator[httpx2.ServerSentEvent]:
    """
    Give the server-sent events of a streamed *response* as they come, and close it.

    Args:
        response: The answer to a request that was sent with ``stream=True``.

        last:
            The data of the event after which nothing comes, as in ``"[DONE]"``.
            The little that is left is then read, so that the connection can serve again.
    """
    source = aiter(httpx2.EventSource(response))
    try:
        async for event in source:
            yield event
            if event.data == last:
                with anyio.move_on_after(DRAINING):
                    await _exhausted(source)
                return
    finally:
        await response.aclose()
        # Read from what is closed: the error unwinds the generators below ours, which nobody else
        # can close. Left to the garbage collector, each is a warning on trio.
        with suppress(httpx2.HTTPError, httpx2.StreamError):
            await _exhausted(source)


async def _exhausted(source: AsyncIterator[object]) -> None:
    async for _ in source:
        pass


async def _opened() -> _Pool:
    context = await anyio.to_thread.run_sync(_tls)
    client = httpx2.AsyncClient(verify=context, timeout=TIMEOUT, limits=LIMITS, follow_redirects=True)
    return _Pool(client, await at_loop_end(client.aclose))


async def _closed(pool: _Pool) -> None:
    await pool.hook.aclose()


_pools = PerLoop(_opened, _closed)
_tls_lock = threading.Lock()


def _tls() -> ssl.SSLContext:
    """One TLS context serves the whole process: reading the trust store takes 30 ms."""
    with _tls_lock:
        return _read_trust_store()


@functools.cache
def _read_trust_store() -> ssl.SSLContext:
    return httpx2.create_ssl_context()
