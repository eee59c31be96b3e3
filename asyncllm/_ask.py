"""Ask a provider: open its stream, or await its answer, in our words and with our errors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from dataclasses import dataclass, replace
from typing import TypeAlias

from anyio.lowlevel import checkpoint_if_cancelled

from ._bounded import map_bounded
from ._deadline import Deadline
from ._limits import Claim, Ticket, gate_of
from ._prepare import Prepared
from ._retry import Retry
from ._several import together
from ._stream import Stream
from ._tallies import about_to_send, in_line
from ._types import Count, Response, Timing
from .errors import IncompleteResponse, translated
from .provider import Provider, Request

AT_ONCE = 16
"""How many of the answers to one task are asked for at a time, at most."""

Turn: TypeAlias = Callable[[], AbstractAsyncContextManager[object]]

NO_DEADLINE = Deadline(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a call asks: how long, and how fast."""

    retry: Retry
    """How long to try."""
    deadline: Deadline
    """When the call has to be over."""
    claim: Claim | None
    """How fast to ask at most, if anybody limits that."""

    def ticket(self, provider: Provider, call: Prepared, request: Request) -> Ticket:
        """Return a place in line for *request*, among all that go to the same account."""
        gate = gate_of(provider)
        adaptive = not provider.in_process
        if self.claim is not None:
            gate.claim(self.claim)
            adaptive = adaptive and self.claim.limits.adaptive
        return Ticket(
            gate,
            gate.lane(request.model, adaptive=adaptive),
            request,
            most=_most(call),
            patience=self.retry.wait_max,
            deadline=self.deadline,
        )


async def answer(
    provider: Provider, call: Prepared, requests: Sequence[Request], terms: Terms, turn: Turn
) -> tuple[Response, int]:
    """
    Ask with each of *requests*, trying again each for itself; return one response, and the attempts.

    Args:
        provider: Whom to ask.

        call: What it is about.

        requests: One or several.

        terms: How long to try, and how fast.

        turn: Waits until one more of several may be under way.
    """

    async def one(request: Request) -> tuple[Response, int]:
        ticket = terms.ticket(provider, call, request)
        return await terms.retry(functools.partial(ask, provider, call, request, ticket), ticket)

    async def in_turn(request: Request) -> tuple[Response, int]:
        async with turn():
            # Where a sibling has just failed, nothing more is asked.
            await checkpoint_if_cancelled()
            return await one(request)

    if len(requests) == 1:
        return await one(requests[0])

    answers = await map_bounded(in_turn, requests, limit=AT_ONCE)
    return together([response for response, _ in answers]), sum(attempts for _, attempts in answers)


async def stream_of(
    stack: AsyncExitStack, provider: Provider, call: Prepared, terms: Terms
) -> tuple[Stream, int]:
    """Open a stream, trying again until its first piece has come; return it, and the attempts it took."""
    request = call.request
    ticket = terms.ticket(provider, call, request)
    opened = functools.partial(begin, stack, provider, call, request, ticket, terms.deadline)
    return await terms.retry(opened, ticket)


async def ask(provider: Provider, call: Prepared, request: Request, ticket: Ticket) -> Response:
    """Ask once; where stop tokens are ours to find, read the answer only as far as the first."""
    if call.stops:
        async with AsyncExitStack() as stack:
            stream = await begin(stack, provider, call, request, ticket, NO_DEADLINE)
            async for _ in stream:
                pass
        return stream.response

    with in_line():
        await ticket.enter()
    try:
        await about_to_send()
        with _guard(provider)():
            response = await provider.complete(request)
    except BaseException as error:
        ticket.leave(error)
        raise
    ticket.leave(usage=response.usage)
    return _waited(response, ticket.queued)


async def begin(
    stack: AsyncExitStack,
    provider: Provider,
    call: Prepared,
    request: Request,
    ticket: Ticket,
    deadline: Deadline,
) -> Stream:
    """Open a stream and wait for its first piece; only then does *stack* hold it open."""
    guard = _guard(provider)
    with in_line():
        await ticket.enter()
    try:
        await about_to_send()
        with guard():
            async with AsyncExitStack() as attempt:
                deltas = await attempt.enter_async_context(provider.stream(request))
                stream = Stream(
                    deltas,
                    stops=call.stops,
                    choices=call.choices,
                    guard=guard,
                    deadline=deadline,
                    queued=ticket.queued,
                )
                attempt.push_async_callback(stream.stop)
                await stream.begin()
                stack.push_async_exit(attempt.pop_all())
    except BaseException as error:
        ticket.leave(error)
        raise
    stream.when_over(functools.partial(_ended, ticket))
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


def _ended(ticket: Ticket, response: Response) -> None:
    """Give the place of a stream that is over to the next."""
    broke = response.finish_reason == "error"
    ticket.leave(IncompleteResponse("the stream broke off") if broke else None, response.usage)


def _most(call: Prepared) -> int | None:
    """Return how many tokens the answer may have, where the caller said so."""
    said = (each for each in call.verdicts if each.parameter == "max_tokens")
    return next((each.asked for each in said), None)


def _waited(response: Response, queued: float | None) -> Response:
    """Return *response* with the time that it waited here, besides what it waited there."""
    if queued is None:
        return response

    timing = response.timing or Timing(total=0.0)
    return replace(response, timing=replace(timing, queued=queued + (timing.queued or 0.0)))
