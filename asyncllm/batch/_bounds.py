"""What a batch stops at before all of its tasks are done."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from asyncllm._kinds import Number, Whole
from asyncllm._vocabulary import Parameter
from asyncllm.errors import InvalidParameter

from ._progress import Progress

BOUNDS: Mapping[str, tuple[Parameter, Callable[[Progress], float]]] = {
    "failures": (
        Parameter(Whole(low=1), "Begin no more tasks once this many have failed.", "tasks"),
        lambda progress: progress.failed,
    ),
    "deadline": (
        Parameter(Number(above=0), "Give the whole batch this long.", "seconds"),
        lambda progress: progress.seconds,
    ),
    "max_total_tokens": (
        Parameter(Whole(low=1), "Begin no more tasks once this many tokens were used.", "tokens"),
        lambda progress: progress.metrics.usage.total_tokens,
    ),
    "max_cost": (
        Parameter(Number(above=0), "Begin no more tasks once this much was spent.", "US dollars"),
        lambda progress: float(progress.metrics.cost().usd),
    ),
}
"""Each bound, and what of a batch reaches it."""

ON_ERROR: Mapping[str, int | None] = {"raise": 0, "keep": None}
"""After how many errors no more tasks are begun; with 0 the first is raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """
    What a batch stops at; None is no bound.

    Raises:
        InvalidParameter: One of them bounds nothing.
    """

    failures: int | None = None
    deadline: float | None = None
    max_total_tokens: int | None = None
    max_cost: float | None = None

    def __post_init__(self) -> None:
        for name, bound in self.given().items():
            BOUNDS[name][0].check(name, bound)

    def given(self) -> dict[str, float]:
        """Return those that there are."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: bound for name, bound in given.items() if bound is not None}

    def reached(self, progress: Progress) -> str | None:
        """Say which of them is reached; None is that none is."""
        if self.max_cost is not None and (unknown := _without_price(progress)):
            return f"max_cost={self.max_cost:g} cannot be kept: the price of {unknown} is not known"
        for name, bound in self.given().items():
            if (so_far := BOUNDS[name][1](progress)) >= bound:
                return f"{name}={bound:g} is reached ({so_far:.6g})"
        return None


def _without_price(progress: Progress) -> str:
    """Say what has no known price, if anything was answered that has none."""
    cost = progress.metrics.cost()
    return f"{cost.of - cost.calls} of {cost.of} answers" if cost.calls < cost.of else ""


def failures(on_error: str) -> int | None:
    """
    Return after how many errors a batch stops; 0 is that the first is raised, None that none matters.

    Raises:
        InvalidParameter: It is none of the words.
    """
    if on_error in ON_ERROR:
        return ON_ERROR[on_error]
    if match := re.fullmatch(r"stop-after:([1-9]\d*)", str(on_error)):
        return int(match[1])
    raise InvalidParameter(
        f"on_error takes 'raise', 'keep' or 'stop-after:N', N being 1 or more; got {on_error!r}"
    )
