"""Mean and peak of what is sampled, without keeping the samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import zip_longest
from typing import Any, cast

from ._utilization import Utilization


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Any number of samples, one at least."""

    number: int
    """How many there were."""
    sums: Utilization
    counts: Utilization
    """How often each figure was known."""
    peak: Utilization

    @classmethod
    def of(cls, sample: Utilization) -> Samples:
        """Return what a single sample says."""
        return cls(number=1, sums=sample, counts=_joined(sample, sample, _one), peak=sample)

    @property
    def mean(self) -> Utilization:
        """The mean of each figure, over the samples that know it."""
        # A gauge that is missing stands for something that is not open, and has nothing in it.
        gauges = {name: total / self.number for name, total in self.sums.gauges.items()}
        mean: Utilization = _joined(self.sums, self.counts, _divided)
        return replace(mean, gauges=gauges)

    def __add__(self, other: Samples) -> Samples:
        return Samples(
            number=self.number + other.number,
            sums=_joined(self.sums, other.sums, _added),
            counts=_joined(self.counts, other.counts, _added),
            peak=_joined(self.peak, other.peak, max),
        )


def _one(_: float, __: float) -> float:
    return 1


def _added(one: float, other: float) -> float:
    return one + other


def _divided(one: float, other: float) -> float:
    return one / other


def _joined(one: Any, other: Any, how: Callable[[Any, Any], Any]) -> Any:
    """Join two things of the same shape number by number; what is unknown in one is as the other has it."""
    if one is None or other is None:
        return other if one is None else one
    if is_dataclass(one):
        names = [each.name for each in fields(one)]
        joined = {name: _joined(getattr(one, name), getattr(other, name), how) for name in names}
        return cast("type[Any]", type(one))(**joined)
    if isinstance(one, tuple):
        return tuple(_joined(mine, its, how) for mine, its in zip_longest(cast("Any", one), other))
    if isinstance(one, dict):
        mine = cast("dict[str, Any]", one)
        return {name: _joined(mine.get(name), other.get(name), how) for name in {**mine, **other}}
    return one if isinstance(one, str) else how(one, other)
