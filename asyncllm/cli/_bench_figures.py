"""What rounds of calls come to: how fast, how soon, and how fair."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ._bench_calls import Round, Timed


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What calls that ran at the same time come to; None is what nobody can tell."""

    tokens_per_second: float | None
    """The tokens of all answers, over the time until the last had ended."""
    first_p50: float
    """Seconds to the first piece of text: half of the calls waited no longer."""
    first_p95: float
    """The same of 95 in 100 calls."""
    slowest: float
    """By how much the slowest call took longer than the quickest: 1 where all took as long."""
    fairness: float
    """Jain's index of the calls' own rates: 1 where all came alike, and 1/n where one of n had it all."""


def figures(lap: Round) -> Figures:
    """Return what one round comes to."""
    firsts, totals = [call.first for call in lap.calls], [call.total for call in lap.calls]
    tokens = [call.tokens for call in lap.calls if call.tokens is not None]
    is_known = len(tokens) == len(lap.calls) and lap.seconds > 0
    return Figures(
        tokens_per_second=sum(tokens) / lap.seconds if is_known else None,
        first_p50=quantile(firsts, 0.5),
        first_p95=quantile(firsts, 0.95),
        slowest=max(totals) / min(totals) if min(totals) > 0 else 1.0,
        fairness=jain(map(_rate, lap.calls)),
    )


def medians(laps: Iterable[Round]) -> Figures:
    """Return the median of each figure over several rounds."""
    each = [figures(lap) for lap in laps]
    middle: dict[str, Any] = {}
    for field in fields(Figures):
        known = [value for one in each if (value := getattr(one, field.name)) is not None]
        middle[field.name] = statistics.median(known) if known else None
    return Figures(**middle)


def quantile(values: Sequence[float], share: float) -> float:
    """Return what a *share* of *values* does not exceed; between two of them, in proportion."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def jain(rates: Iterable[float]) -> float:
    """Return Jain's index of fairness."""
    known = tuple(rates)
    squares = sum(rate * rate for rate in known)
    return sum(known) ** 2 / (len(known) * squares) if squares else 1.0


def _rate(call: Timed) -> float:
    # Where nobody counted the tokens, all answers count as equally long.
    return (1 if call.tokens is None else call.tokens) / call.total if call.total > 0 else 0.0
