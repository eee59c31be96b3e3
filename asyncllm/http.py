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
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

import anyio.to_thread
import httpx2

from ._loop import PerLoop, at_loop_end
from .errors import InvalidResponse, ProviderError, TimedOut, Unavailable

__all__ = ["TRANSPORT_ERRORS", "acquire", "events", "release"]

TIMEOUT = httpx2.Timeout(600, connect=5, pool=None)
"""Seconds: the SDKs' own, but a call never fails for want of a free connection."""

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
    """The connections of one event loop, and how many providers use them."""

    client: httpx2.AsyncClient
    hook: AsyncGenerator[None]
    users: int = 0


async def acquire() -> httpx2.AsyncClient:
    """Return this event loop's client; call :func:`release` once for each time."""
    pool = await _pools.get()
    pool.users += 1
    return pool.client


async def release() -> None:
    """Give this event loop's client back; the last to do so closes it."""
    pool = await _pools.get()
    pool.users -= 1
    if pool.users <= 0:
        _pools.pop()
        await pool.hook.aclose()


async def events(response: httpx2.Response) -> AsyncGenerator[httpx2.ServerSentEvent]:
    """Give the server-sent events of a streamed *response* as they come."""
    # Typed as an iterator, it is a generator: one that is left early must be closed, not dropped.
    source = cast("AsyncGenerator[httpx2.ServerSentEvent]", aiter(httpx2.EventSource(response)))
    async with aclosing(source):
        async for event in source:
            yield event


async def _opened() -> _Pool:
    context = await anyio.to_thread.run_sync(_tls)
    client = httpx2.AsyncClient(verify=context, timeout=TIMEOUT, limits=LIMITS, follow_redirects=True)
    return _Pool(client, await at_loop_end(client.aclose))


_pools = PerLoop(_opened)
_tls_lock = threading.Lock()


def _tls() -> ssl.SSLContext:
    """One TLS context serves the whole process: reading the trust store takes 30 ms."""
    with _tls_lock:
        return _read_trust_store()


@functools.cache
def _read_trust_store() -> ssl.SSLContext:
    return httpx2.create_ssl_context()
