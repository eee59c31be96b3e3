"""What a server said is left of its limits."""

from __future__ import annotations

import math
from collections.abc import Mapping

from asyncllm.provider import Allowance

from ._bucket import Bucket

STALE = 60.0
"""Seconds after which what a server said counts no more: nobody waits longer for it, whatever it said."""
MINUTE = 60.0
"""Seconds in which a limit is whole again, where the server does not say."""


class Allowances:
    """
    The limits of which a server tells, and what is left of them by now.

    Times are seconds of whatever clock the caller has.
    """

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[Bucket, float]] = {}
        self.count_tokens = False
        """Whether the server tells of tokens."""

    def told(self, allowance: Allowance, under_way: float, now: float) -> None:
        """
        Take in what a server says; what makes no sense is left out.

        Args:
            allowance: What it says.

            under_way: What of it the requests take that the server may not have counted yet.

            now: When.
        """
        remaining = allowance.remaining
        limit = remaining if allowance.limit is None else allowance.limit
        if not (math.isfinite(remaining) and math.isfinite(limit)) or limit < 1 or remaining < 0:
            return

        remaining = min(remaining, limit)
        reset = allowance.reset
        if reset is None or not 0 < reset < math.inf or remaining == limit:
            rate = limit / MINUTE
        else:
            rate = (limit - remaining) / reset
        bucket = Bucket(rate, limit)
        bucket.set_level(remaining - under_way, now)
        self._buckets[allowance.of] = bucket, now + STALE
        self.count_tokens = self.count_tokens or allowance.of != "requests"

    def ready_at(self, costs: Mapping[str, float], now: float) -> float:
        """Return when a request may be sent that takes so much of each limit."""
        if not self._buckets:
            return now
        return max(
            min(bucket.ready_at(costs[kind], now), stale) if now < stale else now
            for kind, (bucket, stale) in self._buckets.items()
        )

    def take(self, costs: Mapping[str, float], now: float) -> None:
        """Take note of a request that is sent."""
        for kind, (bucket, _) in self._buckets.items():
            bucket.take(costs[kind], now)
