"""The gate that all requests to one account pass."""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from itertools import count

from asyncllm._types import Usage
from asyncllm.provider import Allowance

from ._budget import Budget
from ._claim import Claim
from ._lane import Lane
from ._quota import Quota
from ._settings import strictest
from ._ticket import Ticket

MOST_LANES = 64
"""So many models are kept in mind; beyond, those of which nothing is known are forgotten."""


class Gate:
    """
    Lets requests through as fast as the limits allow, in the order in which they were asked for.

    It belongs to an account: what one provider class asks of one server with one key,
    in all event loops and threads. What was asked for holds for all of its models
    together; what is learned, for each by itself, since that is how providers limit.

    Args:
        clock: Tells seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.quota = Quota()
        self._budget = Budget()
        self._lock = threading.Lock()
        self._lanes: dict[tuple[str, bool], Lane] = {}
        self._waiting = 0
        self._numbers = count()
        self._claims: dict[int, weakref.ref[Claim]] = {}
        self._claims_changed = False

    def lane(self, model: str, *, adaptive: bool) -> Lane:
        """Return the lane of *model*: of those requests that keep to what is learned, or of the others."""
        lane = self._lanes.get((model, adaptive))
        if lane is None:
            with self._lock:
                if len(self._lanes) >= MOST_LANES:
                    self._lanes = {key: each for key, each in self._lanes.items() if not each.is_idle}
                lane = self._lanes.setdefault((model, adaptive), Lane(adaptive=adaptive))
                lane.window.open_to(self.quota.limits.max_concurrency or 0)
        return lane

    def number(self) -> int:
        """Return the place in line of who comes now."""
        return next(self._numbers)

    def claim(self, claim: Claim) -> None:
        """Keep the limits of *claim* too, for as long as it lives."""
        if id(claim) not in self._claims:
            with self._lock:
                self._claims[id(claim)] = weakref.ref(claim, self._claim_died)
                self._recount(self.clock())

    def enter(self, ticket: Ticket) -> bool:
        """Let *ticket* in if there is room and nobody waits before it; otherwise put it in line."""
        now = self.clock()
        with self._lock:
            if self._claims_changed:
                self._recount(now)
            if ticket.is_first:
                self._budget.earn(self.quota.limits.retry_budget, now)
            if not self._waiting and self._ready_at(ticket, now) <= now:
                self._send(ticket, now)
            else:
                ticket.line_up()
                ticket.lane.queue(ticket)
                self._waiting += 1
                self._let_in(now)
            return ticket.is_in

    def look(self, ticket: Ticket) -> float | None:
        """
        Let in whoever can be; return in how many seconds *ticket* is to look again, None if it will be woken.

        Whoever is the first of a lane looks by itself when its time has come: so the gate
        needs no thread and no task of its own.
        """
        now = self.clock()
        with self._lock:
            self._let_in(now)
            if ticket.is_in:
                return None
            is_first = ticket.lane.waiting[0] is ticket
            ticket.looks_at = self._ready_at(ticket, now) if is_first else math.inf
            return None if math.isinf(ticket.looks_at) else ticket.looks_at - now

    def leave(self, ticket: Ticket, error: BaseException | None, usage: Usage | None) -> None:
        """Take note of what came of a request, also of one that still waits; let in whoever can be."""
        now = self.clock()
        with self._lock:
            if ticket.is_in:
                self._back(ticket, error, usage, now)
            elif ticket in ticket.lane.waiting:
                self._drop(ticket)
            if self._waiting:
                self._let_in(now)

    def told(self, model: str, allowances: Iterable[Allowance]) -> None:
        """Take in what the server says is left of its limits for *model*."""
        lane = self.lane(model, adaptive=True)
        now = self.clock()
        with self._lock:
            lane.told(allowances, now)
            if self._waiting:
                self._let_in(now)

    def may_retry(self) -> bool:
        """Return whether a failed request may be sent again, as far as the outage budget goes; count it."""
        with self._lock:
            return self._budget.spend(self.clock())

    def reason(self, ticket: Ticket) -> str:
        """Return what *ticket* waits for, in words; it still is in line."""
        now = self.clock()
        with self._lock:
            by_quota = self.quota.ready_at(ticket.costs["tokens"], now)
            return self.quota.reason if by_quota > now else ticket.lane.reason()

    def _ready_at(self, ticket: Ticket, now: float) -> float:
        return max(self.quota.ready_at(ticket.costs["tokens"], now), ticket.lane.ready_at(ticket, now))

    def _let_in(self, now: float) -> None:
        """Let in whoever can be, the earliest first; wake whoever has to look sooner than it would."""
        while (ticket := self._next(now)) is not None:
            self._drop(ticket)
            self._send(ticket, now)
            if not ticket.wake():
                self._back(ticket, GONE, None, now)

    def _next(self, now: float) -> Ticket | None:
        """Return who is to be let in."""
        firsts = [lane.waiting[0] for lane in self._lanes.values() if lane.waiting]
        for ticket in sorted(firsts, key=_place):
            by_lane = ticket.lane.ready_at(ticket, now)
            at = max(by_lane, self.quota.ready_at(ticket.costs["tokens"], now))
            if at <= now:
                return ticket
            if at < ticket.looks_at:
                ticket.looks_at = at
                if not ticket.wake():
                    self._drop(ticket)
                    return self._next(now)
            if by_lane <= now:
                return None  # It waits for what all share, and nobody takes that from under its nose.
        return None

    def _send(self, ticket: Ticket, now: float) -> None:
        ticket.is_in = True
        ticket.lane.sent(ticket, now)
        self.quota.sent(ticket.costs["tokens"], now)

    def _back(self, ticket: Ticket, error: BaseException | None, usage: Usage | None, now: float) -> None:
        ticket.is_in = False
        ticket.lane.back(ticket, error, usage, now)
        self.quota.back(ticket.costs["tokens"], _taken(ticket, error, usage), now)

    def _drop(self, ticket: Ticket) -> None:
        ticket.lane.waiting.remove(ticket)
        self._waiting -= 1

    def _claim_died(self, _: object) -> None:
        # The garbage collector may call this anywhere, also where the lock is held.
        self._claims_changed = True

    def _recount(self, now: float) -> None:
        self._claims_changed = False
        alive = {key: claim for key, ref in self._claims.items() if (claim := ref()) is not None}
        self._claims = {key: self._claims[key] for key in alive}
        limits = strictest(claim.limits for claim in alive.values())
        if limits != self.quota.limits:
            self.quota.keep(limits, now)
            for lane in self._lanes.values():
                lane.window.open_to(limits.max_concurrency or 0)


GONE = RuntimeError("the event loop that waited has ended")


def _place(ticket: Ticket) -> int:
    return ticket.number


def _taken(ticket: Ticket, error: BaseException | None, usage: Usage | None) -> float:
    """Return how many tokens a request took, as far as that is known."""
    if usage is not None:
        return usage.total_tokens
    return 0.0 if isinstance(error, Exception) else ticket.costs["tokens"]
