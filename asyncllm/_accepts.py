"""Which of a parameter's values reach a provider as they are, found by trying those at the ends."""

from __future__ import annotations

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
            sent, next_sent, last = (_end(ordinary, end, reached) for end in (low, low + 1, top))
            if sent == low and next_sent > low + 1:
                return f"{low}, {_span((low + 1, next_sent), (top, last))}"  # The lowest is a switch.
            return _span((low, sent), (top, last))
        case Number(low=low, high=high, above=above):
            least, most = float(max(low, above + NEAR, -FAR)), float(min(high, FAR))
            return _span((least, reached(least)), (most, reached(most)))
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


def _span(low: tuple[float, float | None], high: tuple[float, float | None]) -> str:
    """Say what lies between the ends of a range, each given as it was tried and as it was sent."""
    (bottom, first), (top, last) = low, high
    if first is None or last is None or (first == bottom and last == top):
        return ""
    if last == top == FAR:
        return f"{_plain(first)} and more"

    is_open = first == bottom in {-FAR, NEAR}
    return f"up to {_plain(last)}" if is_open else f"{_plain(first)} to {_plain(last)}"


def _plain(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


def _some(taken: Sequence[str], white: Any) -> str:
    many = f"up to {len(taken)} at a time" if len(taken) < len(STOPS) else ""
    visible = "" if white else "not white space alone"
    return ", ".join(filter(None, [many, visible]))
