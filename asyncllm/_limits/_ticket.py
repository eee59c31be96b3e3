"""One request's place in line, for all of its attempts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import anyio

from asyncllm._deadline import Deadline
from asyncllm._mailbox import Mailbox
from asyncllm._types import Usage
from asyncllm.errors import RateLimited
from asyncllm.provider import Request, estimated

from ._lane import Lane
from ._refusals import Refused

if TYPE_CHECKING:
    from ._gate import Gate

UNCOUNTED: Mapping[str, float] = {"requests": 1.0, "tokens": 0.0, "input_tokens": 0.0, "output_tokens": 0.0}
"""What a request takes of each limit, where nobody limits tokens."""


class Ticket:
    """
    A request's place in line, which it keeps when it is asked again for the first time.

    It is also what a :class:`~asyncllm.Retry` asks: whether an attempt counts, and
    whether there may be another.

    Args:
        gate: Where it waits.

        lane: Behind whom.

        request: What is to be sent.

        most: How many tokens the answer may have, if that was asked for.

        patience: The longest wait that is sat out, in seconds.

        deadline: What goes on while it waits.
    """

    __slots__ = (
        "_deadline",
        "_gate",
        "_is_free",
        "_is_held_up",
        "_mailbox",
        "_most",
        "_request",
        "costs",
        "free",
        "is_first",
        "is_in",
        "is_own_fault",
        "lane",
        "looks_at",
        "number",
        "patience",
        "queued",
        "refused",
    )

    def __init__(
        self,
        gate: Gate,
        lane: Lane,
        request: Request,
        *,
        most: int | None,
        patience: float,
        deadline: Deadline,
    ) -> None:
        self.number = gate.number()
        self.lane = lane
        self.patience = patience
        self.costs = UNCOUNTED
        """What it takes of each limit, as far as anybody limits that."""
        self.is_first = True
        """Whether it was never sent."""
        self.is_in = False
        """Whether it may be sent, or is under way."""
        self.looks_at = math.inf
        """When it looks by itself whether its turn has come."""
        self.queued: float | None = None
        """The seconds that it waited so far; None where nothing limits it."""
        self.free = 0
        """How many of its attempts do not count."""
        self.refused = Refused()
        self.is_own_fault = False
        """Whether it was refused for itself: others get through, and it does not hold them up."""
        self._is_free = False
        self._is_held_up = False
        self._gate = gate
        self._request = request
        self._most = most
        self._deadline = deadline
        self._mailbox: Mailbox[None] | None = None

    @property
    def counts_tokens(self) -> bool:
        """Whether its tokens are counted, since anybody limits them."""
        return self.costs is not UNCOUNTED

    async def enter(self) -> None:
        """Wait until the request may be sent."""
        if self.costs is UNCOUNTED and (self._gate.quota.counts_tokens or self.lane.allowances.count_tokens):
            self.costs = self._counted()
        if self._gate.enter(self):
            self.is_first = False
            return

        self.is_first = False
        began = self._gate.clock()
        try:
            while not self.is_in:
                await self._look()
        except BaseException as error:
            self._deadline.held_by(self._gate.reason(self))
            self._gate.leave(self, error, None)
            raise
        finally:
            self.queued = (self.queued or 0.0) + self._gate.clock() - began

    def leave(self, error: BaseException | None = None, usage: Usage | None = None) -> None:
        """Tell what came of the request: what it failed with, or what its answer took."""
        refused = self.lane.adaptive and isinstance(error, RateLimited)
        gets_through = refused and self.lane.gets_through(self._gate.clock())
        self._gate.leave(self, error, usage)
        self._is_free = gets_through and not self.is_own_fault
        self.free += self._is_free
        if self.refused.times > 1:
            self.number = self._gate.number()  # Were it first after each pause, it could end none.

    def permits(self) -> bool:
        """Say whether it may be asked again, as far as that depends on how many others were."""
        return self._is_free or self._gate.may_retry()

    def waits(self, error: BaseException | None) -> float | None:
        """Return the seconds that the line will hold it up after *error*; None where it does not."""
        self._is_held_up = self.lane.adaptive and isinstance(error, RateLimited) and not self.is_own_fault
        return max(self.lane.pace.resumes - self._gate.clock(), 0.0) if self._is_held_up else None

    async def sleep(self, seconds: float) -> None:
        """Wait before the next attempt, where the line does not hold it up anyway."""
        if not self._is_held_up:
            await anyio.sleep(seconds)

    def line_up(self) -> None:
        """Begin to wait."""
        self._mailbox = Mailbox()
        self.looks_at = math.inf

    def wake(self) -> bool:
        """Let it look; return whether there still is an event loop in which it does."""
        return self._mailbox is not None and self._mailbox.put(None)

    async def _look(self) -> None:
        assert self._mailbox is not None, "who waits has lined up"
        seconds = self._gate.look(self)
        if self.is_in:
            return
        if seconds is None:
            await self._mailbox.get()
        else:
            with anyio.move_on_after(seconds):
                await self._mailbox.get()

    def _counted(self) -> Mapping[str, float]:
        asked = float(estimated(self._request).tokens)
        answer = self.lane.expected(self._most)
        return {**UNCOUNTED, "tokens": asked + answer, "input_tokens": asked, "output_tokens": answer}
