"""
Draw the results of ``benchmarks/local.py``, as PNG and as SVG.

It needs matplotlib, and of this project only the file of results; so where it is not
installed, any environment that has it will do::

    uv run --no-project --with matplotlib benchmarks/contest/plot.py results.json
"""

import json
import statistics
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

COLOURS = {"asyncllm": "tab:blue", "server": "tab:orange", "Llama": "tab:gray"}
KINDS = ("png", "svg")

Cell = Mapping[str, Any]


def draw(results: Path) -> list[Path]:
    """
    Draw what is in the file *results*, and return the pictures beside it.

    Raises:
        ModuleNotFoundError: There is no matplotlib.
    """
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    told = json.loads(results.read_text())
    workloads = list(dict.fromkeys(cell["workload"] for cell in told["cells"]))
    size = (max(7.5, 3.6 * len(workloads)), 6.4)
    figure, rows = plt.subplots(2, len(workloads), figsize=size, squeeze=False, layout="constrained")
    for workload, rate, first in zip(workloads, *rows, strict=True):
        cells = [cell for cell in told["cells"] if cell["workload"] == workload]
        for name, colour in COLOURS.items():
            _line(rate, cells, name, colour, _rate)
            _line(first, cells, name, colour, _first)
        rate.set(title=workload, ylabel="tokens a second")
        first.set(xlabel="calls at a time", ylabel="median s to the first token")
        for axes in (rate, first):
            axes.set_xscale("log", base=2)
            axes.set_xticks(at := [cell["at_once"] for cell in cells], map(str, at))
            axes.margins(y=0.1)
            axes.set_ylim(bottom=0)
            axes.grid(alpha=0.3)
    rows[0][0].legend()
    figure.suptitle(_machine(told), fontsize="small")
    pictures = [results.with_suffix(f".{kind}") for kind in KINDS]
    for picture in pictures:
        figure.savefig(picture, dpi=150)
    plt.close(figure)
    return pictures


def _line(axes: Any, cells: list[Cell], name: str, colour: str, figure: Callable[[Cell], float]) -> None:
    """Draw the median over the rounds, and from the lowest to the highest as a band."""
    known = [cell for cell in cells if any(name in lap for lap in cell["rounds"])]
    if not known:
        return

    at = [cell["at_once"] for cell in known]
    values = [[figure(lap[name]) for lap in cell["rounds"] if name in lap] for cell in known]
    axes.plot(at, list(map(statistics.median, values)), marker="o", color=colour, label=name)
    axes.fill_between(at, list(map(min, values)), list(map(max, values)), color=colour, alpha=0.15)


def _rate(lap: Cell) -> float:
    return float(sum(call["tokens"] or 0 for call in lap["calls"]) / lap["seconds"])


def _first(lap: Cell) -> float:
    return float(statistics.median(call["first"] for call in lap["calls"]))


def _machine(told: Cell) -> str:
    machine, settings = told["machine"], told["settings"]
    return (
        f"{Path(settings['model']).name} · {machine['cpu']} · {settings['threads']} threads · "
        f"{settings['max_tokens']} tokens each · medians of {settings['rounds']} rounds, lowest to highest"
    )


if __name__ == "__main__":
    for drawn in draw(Path(sys.argv[1])):
        print(drawn)
