"""An answer as it comes: event by event, or whole."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress

import anyio
import httpx2

DRAINING = 0.1
"""Seconds that a stream gets to end after its last event: as the SDKs have it."""


async def events(response: httpx2.Response, *, last: str | None = None) -> AsyncGenerator[str]:
    """
    Give the data of the server-sent events of a streamed *response* as they come, and close it.

    Args:
        response: The answer to a request that was sent with ``stream=True``.

        last:
            The data of the event after which nothing comes, as in ``"[DONE]"``.
            The little that is left is then read, so that the connection can serve again.
    """
    source = aiter(httpx2.EventSource(response))
    try:
        async for event in source:
            yield event.data
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


async def lines(response: httpx2.Response) -> AsyncGenerator[str]:
    """Give the lines of a streamed *response* as they come, without empty ones, and close it."""
    source = aiter(response.aiter_lines())
    try:
        async for line in source:
            if line.strip():
                yield line
    finally:
        await response.aclose()
        with suppress(httpx2.HTTPError, httpx2.StreamError):  # As above.
            await _exhausted(source)


async def content(response: httpx2.Response) -> bytes:
    """Return the whole of a streamed *response*, unpacked."""
    # To its end before any of it is unpacked: what fails in the middle leaves generators that
    # nobody else can close.
    packed = b"".join([piece async for piece in response.aiter_raw()])
    return httpx2.Response(response.status_code, headers=response.headers, content=packed).content


async def _exhausted(source: AsyncIterator[object]) -> None:
    async for _ in source:
        pass
