"""What the callers asked to keep to."""

from __future__ import annotations

import math

from ._bucket import Bucket, per_minute
from ._settings import Limits


class Quota:
    """
    The limits that were asked for, and what is left of them.

    Times are seconds of whatever clock the caller has.
    """

    def __init__(self) -> None:
        self.limits = Limits()
        self.under_way = 0
        """How many requests are."""
        self._most = math.inf
        self._requests: Bucket | None = None
        self._tokens: Bucket | None = None

    @property
    def reason(self) -> str:
        """What a request waits for that these limits hold up, in words."""
        asked = ("max_concurrency", "requests_per_minute", "tokens_per_minute")
        given = [f"{name}={value:g}" for name in asked if (value := getattr(self.limits, name)) is not None]
        return f"its turn under the limits {', '.join(given)}"

    @property
    def counts_tokens(self) -> bool:
        """Whether tokens are limited."""
        return self._tokens is not None

    def keep(self, limits: Limits, now: float) -> None:
        """Keep *limits* from now on; what was taken of those before stays taken."""
        self.limits = limits
        self._most = limits.max_concurrency or math.inf
        self._requests = _bucket(self._requests, limits.requests_per_minute, now)
        self._tokens = _bucket(self._tokens, limits.tokens_per_minute, now)

    def ready_at(self, tokens: float, now: float) -> float:
        """Return when a request of so many tokens may be sent; infinity is once another has come back."""
        if self.under_way >= self._most:
            return math.inf
        at = now
        if self._requests is not None:
            at = self._requests.ready_at(1, now)
        if self._tokens is not None:
            at = max(at, self._tokens.ready_at(tokens, now))
        return at

    def sent(self, tokens: float, now: float) -> None:
        """Take note of a request that is sent."""
        self.under_way += 1
        if self._requests is not None:
            self._requests.take(1, now)
        if self._tokens is not None:
            self._tokens.take(tokens, now)

    def back(self, estimated: float, taken: float, now: float) -> None:
        """Take note of one that came back: it took so many tokens, and not as many as was estimated."""
        self.under_way -= 1
        if self._tokens is not None:
            self._tokens.take(taken - estimated, now)


def _bucket(known: Bucket | None, most: float | None, now: float) -> Bucket | None:
    if most is None:
        return None

    rate, capacity = per_minute(most)
    if known is None:
        return Bucket(rate, capacity)
    if (known.rate, known.capacity) != (rate, capacity):
        known.set_rate(rate, capacity, now)
    return known
