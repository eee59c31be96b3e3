"""Which refusals are one request's own, and tell nothing of the pace."""

from __future__ import annotations

import math

OFTEN = 3
"""Who was overtaken so often has itself to blame, whoever else was refused meanwhile."""


class Refused:
    """How one request was refused so far."""

    __slots__ = ("overtaken", "sent_at", "times")

    def __init__(self) -> None:
        self.times = 0
        self.sent_at = -math.inf
        """When it was sent that was refused last."""
        self.overtaken = 0
        """How often it was refused again although a later one had got through."""


class Refusals:
    """
    What of a lane tells a request that is refused for itself, as one that is too large.

    A server that refuses for its pace refuses some of those that come later, too, and
    takes after the pause what it refused before. Where it refuses one again, and took
    all that were sent after that, slowing down is no help to anybody.
    """

    def __init__(self) -> None:
        self._passed = -math.inf
        """When the latest was sent that got through."""
        self._refused = -math.inf
        """When the latest was sent that was refused for the first time."""

    def passed(self, sent_at: float) -> None:
        """Take note that a request got through."""
        self._passed = max(self._passed, sent_at)

    def is_own(self, before: Refused, sent_at: float) -> bool:
        """Take note of a refusal; say whether it is the request's own, which was refused so *before*."""
        is_again, last = before.times > 0, before.sent_at
        before.times += 1
        before.sent_at = sent_at
        if not is_again:
            self._refused = max(self._refused, sent_at)
            return False
        if self._passed <= last:
            return False

        before.overtaken += 1
        return self._refused <= last or before.overtaken >= OFTEN
