"""The tables of what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from . import outcome
from .outcome import Cell, Spread

COLUMNS = (
    *("", "tokens/s", "lowest..highest", "first p50", "first p95"),
    *("slowest", "fairness", "cached", "asyncllm is"),
)
WIDTH = 140
"""Where nobody looks, so that nothing is cut off."""
NOT_TOLD = "not told"


def show(console: Console, results: Mapping[str, Any]) -> None:
    """Print all figures, the engine's own cost, and what was to be shown."""
    cells: Sequence[Cell] = results["cells"]
    table = Table(*COLUMNS, box=None, pad_edge=False)
    for cell in cells:
        table.add_row(f"[bold]{_name(cell)}")
        for row in _rows(cell):
            table.add_row(*row)
        table.add_row()
    console.print(table)
    if different := outcome.builds(results):
        console.print(f"not alike: the builds of llama.cpp: {different}", style="yellow", soft_wrap=True)
    for cell in cells:
        for odd in outcome.oddities(cell, results["settings"]["max_tokens"]):
            console.print(f"not alike: {_name(cell)}: {odd}", style="yellow", soft_wrap=True)
    for line in (*_costs(cells), *_targets(cells)):
        console.print(line, soft_wrap=True, highlight=False)


def _rows(cell: Cell) -> Iterator[tuple[str, ...]]:
    for name in outcome.contestants(cell):
        told, rates = outcome.told(cell, name), outcome.rates(cell, name)
        yield (
            f"  {name}",
            NOT_TOLD if rates is None else f"{rates.median:,.1f}",
            "" if rates is None else f"{rates.low:,.1f}..{rates.high:,.1f}",
            f"{told.first_p50:.3f} s",
            f"{told.first_p95:.3f} s",
            f"{told.slowest:.2f}",
            f"{told.fairness:.3f}",
            _cached(cell, name),
            "" if name == outcome.OURS else _times(outcome.ratio(cell, name)),
        )


def _costs(cells: Sequence[Cell]) -> Iterator[str]:
    yield (
        f"own cost outside llama_decode, decoding greedily, {outcome.OWN_COST_AT} at once, "
        f"to be under {outcome.OWN_COST:.0%}:"
    )
    measured = [cell for cell in cells if cell["at_once"] == outcome.OWN_COST_AT]
    for cell in measured:
        cost = outcome.own_cost(cell)
        told = NOT_TOLD if cost is None else f"{cost.median:.1%} ({cost.low:.1%}..{cost.high:.1%})"
        yield f"  {cell['workload']}: {told}"
    if not measured:
        yield "  not measured"


def _targets(cells: Sequence[Cell]) -> Iterator[str]:
    yield ""
    known = {(cell["workload"], cell["at_once"]): cell for cell in cells}
    for target in outcome.TARGETS:
        cell = known.get((target.workload, target.at_once))
        ratio = None if cell is None else outcome.ratio(cell, target.against)
        verdict = "not measured"
        if ratio is not None:
            verdict = "reached" if ratio.median >= target.at_least else "MISSED"
        yield (
            f"{verdict:<12}  {target.workload}, {target.at_once} at once: at least "
            f"{target.at_least:g} x {target.against}; it is {_times(ratio) or 'unknown'}"
        )


def _cached(cell: Cell, name: str) -> str:
    """Return which share of the prompts' tokens came from a cache."""
    calls = [call for lap in cell["rounds"] for call in lap[name]["calls"]]
    read = sum(call["prompt_tokens"] or 0 for call in calls)
    if not read or any(call["cached_tokens"] is None for call in calls):
        return NOT_TOLD
    return f"{sum(call['cached_tokens'] for call in calls) / read:.0%}"


def _times(ratio: Spread | None) -> str:
    return "" if ratio is None else f"{ratio.median:.2f} x ({ratio.low:.2f}..{ratio.high:.2f})"


def _name(cell: Cell) -> str:
    return f"{cell['workload']}, {cell['at_once']} at once"
