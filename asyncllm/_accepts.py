"""Which of a parameter's values reach a provider as they are, found by trying those at the ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from ._kinds import Kind, Number, OneOf, Strings, Whole

Reached: TypeAlias = Callable[[Any], Any]
"""What reaches the provider of a value; None where nothing does."""

FAR = 10**9
"""Tried where a range has no end."""
NEAR = 1e-9
"""Tried this much above an end that itself does not belong to the range."""
STOPS = tuple(f"#{number}#" for number in range(16))
WHITE = ("\n",)


def accepted(kind: Kind, ordinary: Any, reached: Reached) -> str:
    """
    Say in words which values of *kind* reach the provider; nothing where all do.

    Args:
        kind: What the parameter takes.

        ordinary: A value that reaches the provider.

        reached: What reaches the provider of another.
    """
    match kind:
        case Whole(low=low, high=high):
            top = FAR if high is None else high
            return _span(_end(ordinary, low, reached), _end(ordinary, top, reached), (low, top))
        case Number(low=low, high=high, above=above):
            ends = (max(low, above + NEAR, -FAR), min(high, FAR))
            return _span(reached(ends[0]), reached(ends[1]), ends)
        case OneOf(words=words):
            known = [word for word in words if reached(word) == word]
            return ", ".join(known) if len(known) < len(words) else ""
        case Strings():
            return _some(reached(STOPS) or (), reached(WHITE))
        case _:
            return ""


def _end(ordinary: int, end: int, reached: Reached) -> int:
    """Return what reaches the provider of *end*, or else the last value before it of which anything does."""
    if (sent := reached(end)) is not None:
        return int(sent)

    within, beyond = ordinary, end
    while abs(beyond - within) > 1:
        middle = (within + beyond) // 2
        within, beyond = (within, middle) if reached(middle) is None else (middle, beyond)
    return within


def _span(low: float | None, high: float | None, ends: tuple[float, float]) -> str:
    if (low, high) == ends or low is None or high is None:
        return ""
    if math.isclose(high, FAR):
        return f"{_plain(low)} and more"

    return f"up to {_plain(high)}" if math.isclose(low, -FAR) else f"{_plain(low)} to {_plain(high)}"


def _plain(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


def _some(taken: Sequence[str], white: Any) -> str:
    many = f"up to {len(taken)} at a time" if len(taken) < len(STOPS) else ""
    visible = "" if white else "not white space alone"
    return ", ".join(filter(None, [many, visible]))
