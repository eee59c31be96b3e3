"""Rounds in which every contestant has its turn, each time in another order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from asyncllm.cli._bench_calls import Round, Timed, at_once

from .match import Contestant, Spent
from .workloads import Task


def order(names: Sequence[str], lap: int) -> list[str]:
    """Return *names* in the order of a round: each stands at each place equally often."""
    at = lap % len(names)
    return [*names[at:], *names[:at]]


async def played(contestants: Mapping[str, Contestant], tasks: Sequence[Task], lap: int) -> dict[str, Any]:
    """Let each contestant answer *tasks* alone; return what there is to keep of each."""
    kept: dict[str, Any] = {}
    for name in order(list(contestants), lap):
        contestant = contestants[name]
        await contestant.wake()
        before = await contestant.spent()
        result = await at_once(contestant.ask, tasks)
        after = await contestant.spent()
        await contestant.rest()
        kept[name] = {**asdict(result), "own_cost": cost(before, after)}
    return kept


def cost(before: Spent | None, after: Spent | None) -> float | None:
    """Return the share of an engine's work outside ``llama_decode``; None where it does not tell."""
    if before is None or after is None or after.working <= before.working:
        return None
    return 1 - (after.decoding - before.decoding) / (after.working - before.working)


def lap_of(kept: Mapping[str, Any]) -> Round:
    """Return a round as it was, from what was kept of it."""
    return Round(seconds=kept["seconds"], calls=tuple(Timed(**call) for call in kept["calls"]))
