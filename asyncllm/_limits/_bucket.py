"""A bucket of permits that fills up again."""

from __future__ import annotations

import math

LEAST = 1e-9
"""Permits: less of a difference is none, since floating-point numbers do not add up exactly."""


class Bucket:
    """
    Permits that are taken out and come again at a steady rate, up to *capacity*.

    What costs more than the bucket holds is let through once it is full, and the
    bucket then owes: so a long prompt waits, but not for ever. Times are seconds of
    whatever clock the caller has.

    Args:
        rate: How many permits come a second.

        capacity: How many it holds, and so how many may be taken at once.
    """

    def __init__(self, rate: float, capacity: float) -> None:
        self.rate = rate
        self.capacity = capacity
        self._level = capacity
        self._as_of = -math.inf

    def level(self, now: float) -> float:
        """Return how many permits there are; below 0 it owes some."""
        if now > self._as_of:
            self._level = self.capacity if math.isinf(self._as_of) else self._filled(now)
            self._as_of = now
        return self._level

    def ready_at(self, cost: float, now: float) -> float:
        """Return when *cost* permits may be taken."""
        lacking = min(cost, self.capacity) - self.level(now)
        return now if lacking <= LEAST else now + lacking / self.rate

    def take(self, cost: float, now: float) -> None:
        """Take *cost* permits out, or put some back where it is below 0."""
        self._level = min(self.level(now) - cost, self.capacity)

    def set_level(self, level: float, now: float) -> None:
        """Say how many permits there are."""
        self._level, self._as_of = min(level, self.capacity), now

    def set_rate(self, rate: float, capacity: float, now: float) -> None:
        """Say how it fills from now on; what was taken out stays taken."""
        taken = self.capacity - self.level(now)
        self.rate, self.capacity = rate, capacity
        self._level = capacity - taken

    def _filled(self, now: float) -> float:
        return min(self._level + (now - self._as_of) * self.rate, self.capacity)


def per_minute(most: float) -> tuple[float, float]:
    """
    Return the rate and the capacity with which no minute has more than *most*.

    What is taken within a minute is at most what the bucket held, and what came
    meanwhile: so both together are the limit. The bucket holds the share of a
    second, in order that requests go out evenly.
    """
    capacity = max(1.0, most / 60)
    # By the time the last of them is taken the minute is not quite over: that makes room for one more.
    return (most - capacity + 1) / 60, capacity
