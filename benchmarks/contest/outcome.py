"""What all rounds come to: medians, ratios within each round, and what was to be shown."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asyncllm.cli._bench_figures import Figures, figures, medians

from .rounds import lap_of

OURS, LLAMA, SERVER = "asyncllm", "Llama", "server"

Cell = Mapping[str, Any]
"""A workload at a number of calls: its ``rounds`` hold what was kept of each contestant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What was to be shown: so many times as fast as another."""

    workload: str
    at_once: int
    against: str
    at_least: float


TARGETS = (
    Target(workload="short",                     at_once=1,  against=LLAMA,  at_least=0.95),
    Target(workload="short",                     at_once=8,  against=LLAMA,  at_least=2.5),
    Target(workload="short",                     at_once=8,  against=SERVER, at_least=1.0),
    Target(workload="short, shared prefix cold", at_once=16, against=SERVER, at_least=4.0),
    Target(workload="short, shared prefix warm", at_once=16, against=SERVER, at_least=1.1),
)  # fmt: skip
OWN_COST_AT, OWN_COST = 16, 0.05
"""With so many greedy calls, less than this share of our engine's work is to lie outside ``llama_decode``."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, and the lowest and highest there was."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """Return that of *values*; None where there are none."""
        return cls(statistics.median(values), min(values), max(values)) if values else None


def contestants(cell: Cell) -> list[str]:
    """Return who took part."""
    there = {name for lap in cell["rounds"] for name in lap}
    return [name for name in (OURS, LLAMA, SERVER) if name in there]


def told(cell: Cell, name: str) -> Figures:
    """Return the medians of a contestant's figures."""
    return medians(lap_of(lap[name]) for lap in cell["rounds"])


def rates(cell: Cell, name: str) -> Spread | None:
    """Return a contestant's tokens a second."""
    found = [figures(lap_of(lap[name])).tokens_per_second for lap in cell["rounds"]]
    return Spread.of([rate for rate in found if rate is not None])


def ratio(cell: Cell, name: str) -> Spread | None:
    """Return how many times as fast as *name* our engine was, taken round by round."""
    both = [lap for lap in cell["rounds"] if OURS in lap and name in lap]
    return Spread.of([lap[name]["seconds"] / lap[OURS]["seconds"] for lap in both])


def own_cost(cell: Cell) -> Spread | None:
    """Return the share of our engine's work outside ``llama_decode``; None where it does not tell."""
    costs = [lap[OURS]["own_cost"] for lap in cell["rounds"] if OURS in lap]
    return Spread.of([each for each in costs if each is not None])


def builds(results: Mapping[str, Any]) -> str:
    """Return what of the processor one llama.cpp was built to use and the other was not; empty if nothing."""
    ours, theirs = results["machine"].get("llama.cpp"), results["server"].get("system")
    if not ours or not theirs:
        return ""

    lacks = {
        "the server": _features(ours) - _features(theirs),
        "the binding": _features(theirs) - _features(ours),
    }
    return "; ".join(f"{who} lacks {', '.join(sorted(what))}" for who, what in lacks.items() if what)


def oddities(cell: Cell, max_tokens: int) -> list[str]:
    """Return what would make a comparison unfair: answers of another length, prompts read otherwise."""
    calls = {
        name: [call for lap in cell["rounds"] for call in lap[name]["calls"]] for name in contestants(cell)
    }
    odd = [
        f"{name}: answers of {sorted({str(call['tokens']) for call in each})} tokens, not {max_tokens}"
        for name, each in calls.items()
        if any(call["tokens"] != max_tokens for call in each)
    ]
    lengths = {name: sum(call["prompt_tokens"] or 0 for call in each) for name, each in calls.items()}
    if len(set(lengths.values())) > 1:
        odd.append(f"they read prompts of different lengths: {lengths} tokens in all")
    return odd


def _features(told: str) -> set[str]:
    return {part.strip() for part in told.replace("CPU :", "").split("|") if part.strip()}
