"""Ask a provider once: open its stream, or await its answer, in our words and with our errors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, AsyncExitStack

from ._deadline import Deadline
from ._prepare import Prepared
from ._stream import Stream
from ._types import Count, Response
from .errors import translated
from .provider import Provider, Request

NO_DEADLINE = Deadline(None)


async def ask(provider: Provider, call: Prepared, request: Request) -> Response:
    """Ask once; where stop tokens are ours to find, read the answer only as far as the first."""
    if call.stops:
        async with AsyncExitStack() as stack:
            stream = await begin(stack, provider, call, request, NO_DEADLINE)
            async for _ in stream:
                pass
        return stream.response

    with _guard(provider)():
        return await provider.complete(request)


async def begin(
    stack: AsyncExitStack, provider: Provider, call: Prepared, request: Request, deadline: Deadline
) -> Stream:
    """Open a stream and wait for its first piece; only then does *stack* hold it open."""
    guard = _guard(provider)
    with guard():
        async with AsyncExitStack() as attempt:
            deltas = await attempt.enter_async_context(provider.stream(request))
            stream = Stream(deltas, stops=call.stops, choices=call.choices, guard=guard, deadline=deadline)
            attempt.push_async_callback(stream.stop)
            await stream.begin()
            stack.push_async_exit(attempt.pop_all())
    return stream


async def count(provider: Provider, request: Request) -> Count:
    """Count what *request* asks."""
    with _guard(provider)():
        return await provider.count_tokens(request)


def _guard(provider: Provider) -> Callable[[], AbstractContextManager[None]]:
    return functools.partial(translated, provider.errors, tuple(provider.secrets()))
