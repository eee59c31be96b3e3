"""How many retries there may be, so that an outage is not multiplied."""

from __future__ import annotations

import math

RESERVE = 10
"""Retries that are there whatever was sent before: single failures are made good."""
REFILL = RESERVE / 60
"""So many of the reserve come again in a second."""
MEMORY = 60.0
"""Seconds: what was sent earlier counts for little."""


class Budget:
    """Counts requests and lets a *share* of as many be tried again; only recent ones count."""

    def __init__(self) -> None:
        self._reserve = float(RESERVE)
        self._earned = 0.0
        self._as_of = 0.0

    def earn(self, share: float, now: float) -> None:
        """Take note of a request that is sent for the first time."""
        self._age(now)
        self._earned += share

    def spend(self, now: float) -> bool:
        """Return whether one more may be tried again, and take it off."""
        self._age(now)
        if self._earned >= 1:
            self._earned -= 1
        elif self._reserve >= 1:
            self._reserve -= 1
        else:
            return False
        return True

    def _age(self, now: float) -> None:
        passed = now - self._as_of
        if passed > 0:
            self._earned *= math.exp(-passed / MEMORY)
            self._reserve = min(self._reserve + passed * REFILL, RESERVE)
            self._as_of = now
