"""Ask a provider: open its stream, or await its answer, in our words and with our errors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from typing import TypeAlias

from anyio.lowlevel import checkpoint_if_cancelled

from ._batch import map_bounded
from ._deadline import Deadline
from ._prepare import Prepared
from ._retry import Retry
from ._several import together
from ._stream import Stream
from ._tallies import about_to_send
from ._types import Count, Response
from .errors import translated
from .provider import Provider, Request

AT_ONCE = 16
"""How many of the answers to one task are asked for at a time, at most."""

Turn: TypeAlias = Callable[[], AbstractAsyncContextManager[object]]

NO_DEADLINE = Deadline(None)


async def answer(
    provider: Provider, call: Prepared, requests: Sequence[Request], retry: Retry, turn: Turn
) -> tuple[Response, int]:
    """
    Ask with each of *requests*, trying again each for itself; return one response, and the attempts.

    Args:
        provider: Whom to ask.

        call: What it is about.

        requests: One or several.

        retry: How long to try.

        turn: Waits until one more of several may be under way.
    """

    async def one(request: Request) -> tuple[Response, int]:
        return await retry(functools.partial(ask, provider, call, request))

    async def in_turn(request: Request) -> tuple[Response, int]:
        async with turn():
            # Where a sibling has just failed, nothing more is asked.
            await checkpoint_if_cancelled()
            return await one(request)

    if len(requests) == 1:
        return await one(requests[0])

    answers = await map_bounded(in_turn, requests, limit=AT_ONCE)
    return together([response for response, _ in answers]), sum(attempts for _, attempts in answers)


async def ask(provider: Provider, call: Prepared, request: Request) -> Response:
    """Ask once; where stop tokens are ours to find, read the answer only as far as the first."""
    if call.stops:
        async with AsyncExitStack() as stack:
            stream = await begin(stack, provider, call, request, NO_DEADLINE)
            async for _ in stream:
                pass
        return stream.response

    await about_to_send()
    with _guard(provider)():
        return await provider.complete(request)


async def begin(
    stack: AsyncExitStack, provider: Provider, call: Prepared, request: Request, deadline: Deadline
) -> Stream:
    """Open a stream and wait for its first piece; only then does *stack* hold it open."""
    guard = _guard(provider)
    await about_to_send()
    with guard():
        async with AsyncExitStack() as attempt:
            deltas = await attempt.enter_async_context(provider.stream(request))
            stream = Stream(deltas, stops=call.stops, choices=call.choices, guard=guard, deadline=deadline)
            attempt.push_async_callback(stream.stop)
            await stream.begin()
            stack.push_async_exit(attempt.pop_all())
    return stream


async def count(provider: Provider, request: Request, retry: Retry) -> Count:
    """Count what *request* asks, trying again."""

    async def once() -> Count:
        with _guard(provider)():
            return await provider.count_tokens(request)

    tokens, _ = await retry(once)
    return tokens


def _guard(provider: Provider) -> Callable[[], AbstractContextManager[None]]:
    return functools.partial(translated, provider.errors, tuple(provider.secrets()))
