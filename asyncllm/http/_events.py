"""An answer as it comes: event by event, or whole."""

from __future__ import annotations

import json
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
    """
    Give the lines of a streamed *response* as they come, without empty ones, and close it.

    Only a line feed ends a line: the other characters that Python takes for ends
    may stand within JSON. A last line without its end counts where it is whole
    JSON; otherwise the connection was cut within it, and it is left out.
    """
    source = aiter(response.aiter_bytes())
    rest = b""
    try:
        async for piece in source:
            *ended, rest = (rest + piece).split(b"\n")
            for line in ended:
                if line.strip():
                    yield line.decode()
        if _is_json(rest):
            yield rest.decode()
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


async def received(response: httpx2.Response) -> bytes:
    """Return the whole of a streamed *response*, and close it."""
    try:
        return await content(response)
    finally:
        await response.aclose()


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


async def _exhausted(source: AsyncIterator[object]) -> None:
    async for _ in source:
        pass
