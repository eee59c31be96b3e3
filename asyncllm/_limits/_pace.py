"""The rate at which a server lets requests through: learned from those that it refuses."""

from __future__ import annotations

import math
from collections.abc import Iterable

BELOW = 0.97
"""After a refusal the pace is this share of what the server seems to let through."""
TWICE = 0.5
"""What is left of the pace where the server lets nothing through, time after time."""
ONCE = 0.9
"""What is left of it where that happens once: what was still under way may have used the limit up."""
NEAR = 1.15
"""Two findings that differ by no more than this factor are the same: it is probed less often then."""
SLACK = 0.05
"""Seconds: an event loop with much to do wakes late; what is lost by so much is made good."""
PAUSE = 0.25
"""Seconds of the first pause where the server asks for none; doubled while nothing gets through."""
DOUBLINGS = 5
"""So often, at most."""
LEAST = 0.2
"""Requests a second: no more slowly is a server asked that lets nothing through."""
LONGEST = 60.0
"""Seconds: no pause is longer than this, whoever asks, and no probing slower."""
SHORTEST = 0.5
"""Seconds: the pace is not raised faster than in steps of these."""
ROUNDS = 4
"""So many round trips, at least, lie between two steps: what came of the last must be known."""
PAUSES = 8
"""So many pauses, too: probing costs one each time, and must be worth it."""


class Pace:
    """
    The pace at which a server takes requests, and the pause after it refused one.

    Until a request is refused (as rate-limited) there is none. Then nobody sends for
    as long as the server asks, and from there on requests go out evenly, a little
    more slowly than the server let them through before. The pace is raised again
    along a cubic curve, as CUBIC does with TCP: quickly to where it was refused,
    gently past it, and then ever faster, since the limit may have been lifted.

    Times are seconds of whatever clock the caller has.
    """

    def __init__(self) -> None:
        self.resumes = -math.inf
        """When the pause ends; before that nobody sends."""
        self._rate: float | None = None
        self._since = 0.0
        """Since when requests go out at this rate, without the time in which nobody wanted to send."""
        self._step = SHORTEST
        """Seconds in which the rate gets back to where it was."""
        self._least_step = SHORTEST
        self._next = -math.inf
        """When the next request may go out."""
        self._began: float | None = None
        """When the first one was sent after the last pause."""
        self._passed = 0
        """How many have been let through since."""
        self._refusal: _Refusal | None = None
        self._fruitless = 0
        """After how many pauses in a row nothing got through."""

    @property
    def ready_at(self) -> float:
        """When the next request may be sent."""
        return max(self.resumes, self._next)

    @property
    def is_known(self) -> bool:
        """Whether any limit was found."""
        return self._rate is not None or self._refusal is not None

    def rate(self, now: float) -> float:
        """Return how many requests a second may be sent; infinitely many where nothing is known."""
        if self._rate is None:
            return math.inf
        steps = max(0.0, now - self._since) / self._step - 1
        return self._rate * (1 + (1 - BELOW) * steps**3)

    def sent(self, now: float) -> None:
        """Take note of a request that is sent."""
        if self._refusal is not None:
            self._learn(self._refusal, now)
        elif now - self._next > LONGEST:
            self._rate, self._fruitless = None, 0  # Nobody asked for so long that it tells nothing any more.
        if self._began is None:
            self._began = now
        if self._rate is not None:
            self._since += max(0.0, now - SLACK - self._next)
            self._next = max(self._next, now - SLACK) + 1 / self.rate(now)

    def passed(self, sent_at: float) -> None:
        """Take note that a request got through which was sent at *sent_at*."""
        if self._refusal is None and self._is_of_now(sent_at):
            self._passed += 1

    def refused(self, sent_at: float, pause: float | None, now: float, under_way: Iterable[float]) -> None:
        """
        Take note that a request was refused.

        Args:
            sent_at: When it was sent.

            pause: The seconds that the server asks to wait.

            now: When it was refused.

            under_way: When the requests were sent that still are under way.
        """
        asked = PAUSE * 2.0 ** min(self._fruitless, DOUBLINGS) if pause is None else pause
        wait = min(asked, LONGEST)
        refusal = self._refusal
        if pause is not None or refusal is None:
            self.resumes = max(self.resumes, now + wait)
        if not self._is_of_now(sent_at):
            return

        if refusal is None:
            trip = now - sent_at
            soon = sent_at + trip / 4  # Of what is sent together, any may come first.
            flying = sum(self._is_of_now(each) and each <= soon for each in under_way)
            self._refusal = _Refusal(sent_at, trip, wait, self.rate(sent_at), soon, self._passed + flying)
        else:
            refusal.passed -= sent_at <= refusal.soon

    def _is_of_now(self, sent_at: float) -> bool:
        """Say whether a request was sent after the last pause; what befalls others is known already."""
        return self._began is not None and sent_at >= self._began

    def _learn(self, refusal: _Refusal, now: float) -> None:
        """Find the pace for what follows the pause."""
        assert self._began is not None, "what is refused was sent"
        self._least_step = min(LONGEST, max(SHORTEST, ROUNDS * refusal.trip, PAUSES * refusal.pause))
        found = self._found(refusal, refusal.at - self._began)
        known = self._rate is not None and 1 / NEAR < found / self._rate < NEAR
        longest = min(4 * self._least_step, LONGEST)
        self._step = min(max(2 * self._step, self._least_step), longest) if known else self._least_step
        self._rate = max(found, 1 / LONGEST)
        self._since = self._next = self._began = now
        self._passed, self._refusal = 0, None

    def _found(self, refusal: _Refusal, sending: float) -> float:
        """Return the rate at which the server let requests through before it refused one."""
        if refusal.passed <= 0:
            self._fruitless += 1
            shrunk = ONCE if self._fruitless == 1 else TWICE
            return max(
                TWICE / max(refusal.pause, PAUSE) if self._rate is None else shrunk * self._rate, LEAST
            )

        self._fruitless = 0
        # So many got through, and for so long it takes no more: a rate that the server surely has.
        lower = refusal.passed / max(sending, refusal.pause, refusal.trip)
        if math.isinf(refusal.rate):
            return min(lower, refusal.passed / PAUSE)  # In a shorter time anything may have happened.
        return BELOW * min(refusal.rate, (lower + refusal.rate) / 2)


class _Refusal:
    """What is known of a refusal, and of the requests around it."""

    def __init__(self, at: float, trip: float, pause: float, rate: float, soon: float, passed: int) -> None:
        self.at = at
        """When the request was sent."""
        self.trip = trip
        """How long the refusal took to arrive."""
        self.pause = pause
        """The seconds after which the server takes requests again."""
        self.rate = rate
        """At which requests were sent then."""
        self.soon = soon
        """What was sent until then counts as sent before."""
        self.passed = passed
        """How many got through before; what still is under way among them, until it is refused too."""
