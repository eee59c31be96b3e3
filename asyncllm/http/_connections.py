"""One pool of connections in each event loop, shared by all providers that speak HTTP."""

from __future__ import annotations

import functools
import ssl
import threading
from collections.abc import AsyncGenerator, Hashable, Mapping
from dataclasses import dataclass

import anyio.to_thread
import httpx2

from asyncllm._loop import PerLoop, at_loop_end
from asyncllm.errors import RequestRejected

TIMEOUT = httpx2.Timeout(600, connect=5, pool=None)
"""Seconds: the SDKs' own, but a call never fails for want of a free connection."""

# As wide as there are calls in flight: the caller's limits are the only queue. A queue in the
# pool would end in PoolTimeout, which looks like a slow server and is retried.
LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=5)


@dataclass
class _Pool:
    """The connections of one event loop, and what closes them when it ends."""

    client: httpx2.AsyncClient
    hook: AsyncGenerator[None] | None = None


async def acquire() -> httpx2.AsyncClient:
    """Return this event loop's client; call :func:`release` once for each time."""
    pool = await _pools.take()
    return pool.client


async def release() -> None:
    """Give this event loop's client back; the last to do so closes it."""
    await _pools.give_back()


def gauges(client: httpx2.AsyncClient) -> Mapping[Hashable, Mapping[str, float]]:
    """
    Return how many connections *client* has open, and how many of these wait for the next call.

    For a provider's ``gauges``. No call ever waits for a connection: the pool has no
    limit. Where httpx2 does not let itself be looked at, nothing is returned.
    """
    # It has no public way from a client to its connections. The names are looked up with care,
    # so that a release that moves them costs these figures and nothing else; a test would tell.
    transports = (getattr(client, "_transport", None), *getattr(client, "_mounts", {}).values())
    pools = [pool for each in transports if (pool := getattr(each, "_pool", None)) is not None]
    if not all(hasattr(pool, "connections") for pool in pools) or not pools:
        return {}

    connections = [each for pool in pools for each in pool.connections if not each.is_closed()]
    idle = sum(each.is_idle() for each in connections)
    return {client: {"connections_open": len(connections), "connections_idle": idle}}


async def _opened() -> _Pool:
    context = await anyio.to_thread.run_sync(_tls)
    client = httpx2.AsyncClient(
        verify=context,
        timeout=TIMEOUT,
        limits=LIMITS,
        follow_redirects=False,
        event_hooks={"response": [_refuse_redirect]},
    )
    pool = _Pool(client)

    async def ended() -> None:
        pool.hook = None  # It knows its loop: kept, it would keep that alive for ever.
        await client.aclose()

    pool.hook = await at_loop_end(ended)
    return pool


async def _refuse_redirect(response: httpx2.Response) -> None:
    """Go nowhere else: the prompt, and the headers that came with it, were meant for this server."""
    if not response.has_redirect_location:
        return

    try:
        there = _shown(response.url.join(response.headers["location"]))
    except (httpx2.InvalidURL, UnicodeError):
        there = "an address that is none"
    here = _shown(response.url)
    raise RequestRejected(
        f"{here} sends requests on to {there}; this one is not sent there, since it was meant for {here}",
        status=response.status_code,
    )


def _shown(url: httpx2.URL) -> str:
    """Return *url* without what may be a secret."""
    return f"{url.scheme}://{url.netloc.decode()}{url.path}"


async def _closed(pool: _Pool) -> None:
    if pool.hook is not None:
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
