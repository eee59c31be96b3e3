"""
Our engine against ``llama_cpp.Llama`` and llama.cpp's own server, on one model and machine.

In each round every contestant answers the same tasks alone, while the others rest:
all calls at the same moment, greedily, each answer equally long. What is compared
is compared within a round, and the order changes with it. Cold texts are new in each
round; warm ones have a beginning that everybody has seen. Run it with the environment's
own Python; the server comes in an environment that is made for it and removed again::

    python benchmarks/local.py                                  # everything: an hour or two on two cores
    python benchmarks/local.py --concurrency 1 8 --workload short long
    python benchmarks/local.py --show local.json                # the tables and the plot once more

It prints tables, and writes the times of every call (``--output``) and a plot of them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# Threads that wait would spin otherwise, also while it is another's turn; the server inherits it.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import anyio
from contest import one_by_one, ours, plot, server, table
from contest.machine import machine
from contest.match import Contestant, Match, Opening
from contest.outcome import LLAMA, OURS, SERVER
from contest.rounds import played
from contest.workloads import SHORT, WORKLOADS, Workload
from rich.console import Console

from asyncllm.cli._bench_calls import at_once
from asyncllm_llamacpp._cores import cores
from asyncllm_llamacpp._names import located


def engine(match: Match) -> dict[str, Any]:
    """Return the settings of our engine: as many sequences as the server has slots, and as much room."""
    return {
        "threads": match.threads,
        "gpu_layers": match.gpu_layers,
        "context_size": match.room,
        "max_sequences": match.at_once,
        "total_context": match.at_once * match.room,
    }


ALL = (OURS, LLAMA, SERVER)
WORK = {workload.name: workload for workload in WORKLOADS}
OF_THIS_MACHINE = {"server_python", "output", "show"}
"""Options that tell nobody else anything."""
TEMPLATE = 64
"""Tokens that a template may put around a prompt."""
STEP = 256
"""llama.cpp gives room in steps of so many tokens."""
PLOT = "uv run --no-project --with matplotlib benchmarks/contest/plot.py"


def options(given: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    add = parser.add_argument
    add("--model", default="smollm2-135m-instruct", help="a .gguf file, or the small model of the demo extra")
    add("--concurrency", nargs="+", type=int, default=[1, 4, 8, 16, 32], help="calls at a time")
    add("--workload", nargs="+", choices=WORK, default=list(WORK), help="what is asked")
    add("--rounds", type=int, default=5, help="at least 5 for figures that are to be believed")
    add("--max-tokens", type=int, default=64, help="the length of each answer")
    add("--threads", type=int, default=cores(), help="by default the physical cores")
    add("--gpu-layers", type=int, default=0, help="for all alike; a server from PyPI knows no GPU")
    add("--contestants", nargs="+", choices=ALL, default=list(ALL), help="who takes part")
    add("--server-python", help=f"a Python that has {server.PACKAGE}; by default uv makes an environment")
    add(
        "--output",
        type=Path,
        default=Path("local.json"),
        help="where the raw figures go; the plot stands beside it",
    )
    add("--show", type=Path, metavar="FILE", help="measure nothing: show what is in a file of raw figures")
    return parser.parse_args(given)


async def compare(given: argparse.Namespace, openings: Mapping[str, Opening], told: dict[str, Any]) -> None:
    """Play all rounds of all workloads; *told* holds what came of them, and is written after each."""
    model = located(given.model)
    vocabulary = one_by_one.vocabulary(model)
    ends = one_by_one.ends(vocabulary)
    chosen = [WORK[name] for name in given.workload]
    for number in given.concurrency:
        match = Match(
            model=model,
            at_once=number,
            room=room(chosen, given.max_tokens),
            threads=given.threads,
            gpu_layers=given.gpu_layers,
            max_tokens=given.max_tokens,
            ends=ends,
        )
        async with AsyncExitStack() as stack:
            contestants: dict[str, Contestant] = {}
            for name, opening in openings.items():
                contestants[name] = await stack.enter_async_context(opening(match))
                await contestants[name].rest()
            await prepare(contestants, Workload("first", SHORT), match, vocabulary)
            for workload in chosen:
                cell: dict[str, Any] = {"workload": workload.name, "at_once": number, "rounds": []}
                told["cells"].append(cell)
                if workload.warm:
                    await prepare(contestants, workload, match, vocabulary)
                for lap in range(given.rounds):
                    say(f"{workload.name}, {number} at once: round {lap + 1} of {given.rounds}")
                    cell["rounds"].append(
                        await played(contestants, tasks(workload, number, lap, vocabulary), lap)
                    )
                given.output.write_text(json.dumps(told, indent=1))


async def prepare(
    contestants: Mapping[str, Contestant], workload: Workload, match: Match, vocabulary: Any
) -> None:
    """Let everybody answer once, untimed: whatever is loaded, made or kept then is there."""
    say(f"{workload.name}, {match.at_once} at once: getting ready")
    for contestant in contestants.values():
        await contestant.wake()
        await at_once(contestant.ask, tasks(workload, match.at_once, -1, vocabulary))
        await contestant.rest()


def tasks(workload: Workload, number: int, lap: int, vocabulary: Any) -> list[Any]:
    """Return the tasks of a round."""
    return workload.tasks(number, lap, lambda text: len(vocabulary.tokenize(text.encode(), add_bos=False)))


def room(workloads: list[Workload], max_tokens: int) -> int:
    """Return the room that the longest call takes."""
    most = max(workload.tokens for workload in workloads) + TEMPLATE + max_tokens
    return -(-most // STEP) * STEP


def say(text: str) -> None:
    """Tell how far it is."""
    print(f"{datetime.now(UTC):%H:%M:%S}  {text}", file=sys.stderr, flush=True)


def measured(given: argparse.Namespace) -> dict[str, Any]:
    """Compare as it was *given*, and return the raw figures."""
    terms = {name: value for name, value in vars(given).items() if name not in OF_THIS_MACHINE}
    told: dict[str, Any] = {"machine": machine(), "server": {}, "settings": terms, "cells": []}
    terms["model"] = Path(given.model).name
    with ExitStack() as stack:
        needed = SERVER in given.contestants
        python = stack.enter_context(server.python_of_its_own(given.server_python)) if needed else ""
        openings: dict[str, Opening] = {
            OURS: ours.opening(engine),
            LLAMA: one_by_one.opened,
            SERVER: server.opening(python, told["server"]),
        }
        anyio.run(compare, given, {name: openings[name] for name in given.contestants}, told)
    return told


def main() -> None:
    """Compare, print the tables, and draw the plot."""
    given = options()
    output: Path = given.show or given.output
    told = measured(given) if given.show is None else json.loads(output.read_text())
    console = Console()
    table.show(console if console.is_terminal else Console(width=table.WIDTH), told)
    try:
        drawn = ", ".join(map(str, plot.draw(output)))
    except ModuleNotFoundError as error:
        drawn = f"no plot, since {error.name} is not installed; later: {PLOT} {output}"
    print(f"\nthe times of every call: {output}\n{drawn}")


if __name__ == "__main__":
    main()
