"""What is learned of a server's limits for one model, and who waits for them."""

from __future__ import annotations

import math
from bisect import insort
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from asyncllm._types import Usage
from asyncllm.errors import ProviderError, RateLimited
from asyncllm.provider import Allowance

from ._allowances import Allowances
from ._pace import Pace
from ._refusals import Refusals
from ._window import Window

if TYPE_CHECKING:
    from ._ticket import Ticket

OVERLOADED = frozenset({408, 503, 504, 529})
"""Statuses by which a server says that it has too much to do."""
LATELY = 60.0
"""Seconds: who got through since then shows that the server takes requests. Most limits are a minute's."""
MEMORY = 0.1
"""The share of the latest answer's length in what the next one is expected to be."""
USUAL = 256.0
"""Tokens: how long the first answer is expected to be."""


class Lane:
    """
    The requests for one model: those that are under way, those that wait, and what came of others.

    Args:
        adaptive: Whether it learns from what comes of them; otherwise it only keeps them in line.
    """

    def __init__(self, *, adaptive: bool) -> None:
        self.adaptive = adaptive
        self.waiting: list[Ticket] = []
        """Those that wait, the earliest first."""
        self.under_way: dict[Ticket, float] = {}
        """Those that are under way, and when they were sent."""
        self._answered_at = -math.inf
        self.window = Window()
        self.pace = Pace()
        self._refusals = Refusals()
        self.allowances = Allowances()
        self._output = USUAL
        self._taken: Counter[str] = Counter()
        """The tokens that the requests take which are under way, of each kind."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way or waits, and nothing would be lost by forgetting it."""
        learned = self.pace.is_known or not self.window.is_pristine
        return not (self.waiting or self.under_way or learned)

    def gets_through(self, now: float) -> bool:
        """Return whether others get through, or may: then it is the limit that holds one up."""
        return len(self.under_way) > 1 or now - self._answered_at < LATELY

    def queue(self, ticket: Ticket) -> None:
        """Let *ticket* wait: behind those that came before it, also where it has been asked once already."""
        insort(self.waiting, ticket, key=lambda each: each.number)

    def expected(self, most: int | None) -> float:
        """Return how many tokens an answer will have that may have *most*."""
        return self._output if most is None else float(most)

    def ready_at(self, ticket: Ticket, now: float) -> float:
        """Return when *ticket* may be sent; infinity is once another has come back."""
        if not self.adaptive:
            return now
        if len(self.under_way) >= self.window.size:
            return math.inf
        return max(self.pace.ready_at, self.allowances.ready_at(ticket.costs, now))

    def reason(self) -> str:
        """Return what a request waits for that this lane holds up, in words."""
        if len(self.under_way) >= self.window.size:
            return f"one of the {len(self.under_way)} requests that are under way: the server bears no more"
        if self.pace.is_known:
            return "its turn, since the provider refused requests as too many"
        return "its turn, since little is left of the limit that the provider tells of"

    def sent(self, ticket: Ticket, now: float) -> None:
        """Take note that *ticket* is sent."""
        self.under_way[ticket] = now
        if self.adaptive:
            self.pace.sent(now)
            self.allowances.take(ticket.costs, now)
            if ticket.counts_tokens:
                self._taken.update(ticket.costs)

    def back(self, ticket: Ticket, error: BaseException | None, usage: Usage | None, now: float) -> None:
        """Take note of what came of *ticket*."""
        running = len(self.under_way)
        sent_at = self.under_way.pop(ticket)
        if error is None:
            self._answered_at = now
            if usage is not None:
                self._output += MEMORY * (usage.output_tokens - self._output)
        if not self.adaptive:
            return

        if ticket.counts_tokens:
            self._taken.subtract(ticket.costs)
        if error is None:
            self._refusals.passed(sent_at)
            self.pace.passed(sent_at)
            self.window.answered(running)
        elif isinstance(error, RateLimited):
            ticket.is_own_fault = self._refusals.is_own(ticket.refused, sent_at)
            if not ticket.is_own_fault and (error.retry_after or 0.0) <= ticket.patience:
                self.pace.refused(sent_at, error.retry_after, now, self.under_way.values())
        elif isinstance(error, ProviderError) and error.status in OVERLOADED:
            self.window.overloaded(sent_at, running, now)

    def told(self, allowances: Iterable[Allowance], now: float) -> None:
        """Take in what the server says is left of its limits."""
        for each in allowances:
            running = len(self.under_way)
            taken = running if each.of == "requests" else self._taken[each.of]
            # Whose answer says it is still under way, and the server has counted that one.
            self.allowances.told(each, taken * (1 - 1 / max(running, 1)), now)
