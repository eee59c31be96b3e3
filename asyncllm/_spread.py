"""How times spread: mean and quantiles of any number of them, in little memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

K = TypeVar("K")

WIDTH = math.log(1.04)
"""Times that differ by less than 4 % fall into one class, so that a quantile is right within 2 %."""
SHORTEST = 1e-6
"""Seconds: what is shorter counts as this long."""


def merged(one: Mapping[K, int], other: Mapping[K, int]) -> dict[K, int]:
    """Return both counts in one."""
    both = dict(one)
    for key, count in other.items():
        both[key] = both.get(key, 0) + count
    return both


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """
    How long something took, over many times; ``+`` merges two without loss.

    The times themselves are not kept, only how many fell into each class, and the
    classes grow with the time: there are at most some hundred of them.
    """

    count: int = 0
    """How many times there were."""
    total: float = 0.0
    """Seconds, all in all."""
    most: float = 0.0
    """Seconds: the longest."""
    classes: Mapping[int, int] = field(default_factory=dict[int, int], repr=False)
    """How many fell into each class, by its number."""

    @classmethod
    def of(cls, seconds: float) -> Spread:
        """Return that of a single time."""
        number = math.ceil(math.log(max(seconds, SHORTEST)) / WIDTH)
        return cls(count=1, total=seconds, most=seconds, classes={number: 1})

    @property
    def mean(self) -> float | None:
        """The mean in seconds; None where there is nothing yet."""
        return self.total / self.count if self.count else None

    @property
    def p50(self) -> float | None:
        """The median in seconds, within 2 %."""
        return self.quantile(0.5)

    @property
    def p95(self) -> float | None:
        """Seconds, within 2 %: 95 of 100 times were no longer."""
        return self.quantile(0.95)

    def quantile(self, share: float) -> float | None:
        """Return the seconds, within 2 %, that a *share* of the times does not exceed; None without any."""
        seen = 0
        for number in sorted(self.classes):
            seen += self.classes[number]
            if seen >= share * self.count:
                return min(math.exp((number - 0.5) * WIDTH), self.most)
        return None

    def __add__(self, other: Spread) -> Spread:
        return Spread(
            count=self.count + other.count,
            total=self.total + other.total,
            most=max(self.most, other.most),
            classes=merged(self.classes, other.classes),
        )

    def __str__(self) -> str:
        if not self.count:
            return "unknown"
        return f"mean {self.mean:.3g} s, p50 {self.p50:.3g} s, p95 {self.p95:.3g} s"
