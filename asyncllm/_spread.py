"""How times spread: mean and quantiles of any number of them, in little memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ._figures import count, read, rows, seconds, several, whole
from .errors import InvalidParameter

WIDTH = math.log(1.04)
"""Times that differ by less than 4 % fall into one class, so that a quantile is right within 2 %."""
LAST = 10_000
"""No class has a higher number: it would be one of longer times than there are."""
SHORTEST = 1e-6
"""Seconds: what is shorter counts as this long."""


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

    @classmethod
    def sum(cls, parts: Iterable[Spread]) -> Spread:
        """Return all of *parts* in one."""
        known = [part for part in parts if part.count]
        if len(known) == 1:
            return known[0]

        classes: dict[int, int] = {}
        for part in known:
            for number, times in part.classes.items():
                classes[number] = classes.get(number, 0) + times
        return cls(
            count=sum(part.count for part in known),
            total=sum(part.total for part in known),
            most=max((part.most for part in known), default=0.0),
            classes=classes,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        classes = [[number, times] for number, times in self.classes.items()]
        return {"count": self.count, "total": self.total, "most": self.most, "classes": classes}

    @classmethod
    def from_dict(cls, given: Any) -> Spread:
        """
        Return what :meth:`as_dict` said.

        Raises:
            InvalidParameter: It is damaged.
        """
        spread = read(cls, given, {"count": count, "total": seconds, "most": seconds, "classes": _classes})
        if sum(spread.classes.values()) != spread.count:
            raise InvalidParameter("the classes of times are not as many times as there were")
        return spread

    def __add__(self, other: Spread) -> Spread:
        return Spread.sum((self, other))

    def __str__(self) -> str:
        if not self.count:
            return "unknown"
        return f"mean {self.mean:.3g} s, p50 {self.p50:.3g} s, p95 {self.p95:.3g} s"


def _classes(given: Any) -> dict[int, int]:
    pairs = [rows(pair) for pair in rows(given)]
    if any(len(pair) != 2 or abs(whole(pair[0])) > LAST for pair in pairs):
        raise InvalidParameter("a class of times is its number and a count")
    return {number: several(times) for number, times in pairs}
