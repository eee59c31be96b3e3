"""
What a batch costs: asyncllm's pipeline beside the bare SDK with a semaphore.

Each takes the same requests to a server on this machine that answers after a
fixed time. They run turn by turn, each in a process of its own, so that
whatever else the machine does falls on both alike, and so that time and memory
are theirs alone. Then what the pipeline itself adds for each task is measured
with a provider that answers at once, and how memory grows with their number::

    python benchmarks/batch.py [--requests 2000] [--concurrency 100] [--latency 0.05] [--rounds 5]
"""

import argparse
import asyncio  # noqa: TID251 - a program of its own
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

MANY = (1_000, 100_000)
"""Between these numbers of tasks memory should hardly grow; ``--million`` goes further."""


async def bare_sdk(address: str, requests: int, concurrency: int) -> None:
    """Ask as one does without a library: a semaphore, and all tasks at once."""
    from openai import AsyncOpenAI

    gate = asyncio.Semaphore(concurrency)
    async with AsyncOpenAI(api_key="k", base_url=f"{address}/v1", max_retries=0) as client:

        async def one(number: int) -> None:
            async with gate:
                await client.chat.completions.create(
                    model="gpt-4.1", messages=[{"role": "user", "content": f"task {number}"}], temperature=0.2
                )

        await asyncio.gather(*(one(number) for number in range(requests)))


async def ours(address: str, requests: int, concurrency: int) -> None:
    """Ask through the pipeline."""
    from asyncllm import LLM

    async with LLM("openai:gpt-4.1", api_key="k", base_url=f"{address}/v1", temperature=0.2) as llm:
        tasks = (f"task {number}" for number in range(requests))
        async with llm.abatch(tasks, max_concurrency=concurrency, on_error="raise") as results:
            async for _ in results:
                pass


async def at_once(tasks: int, concurrency: int, journal: Path | None) -> None:
    """Ask a provider that answers at once; with no *concurrency*, one after the other and without a batch."""
    from asyncllm import LLM, Choice, Response, Usage
    from asyncllm.provider import Provider, Request, Rules

    answer = Response(
        choices=(Choice(text="Fine.", finish_reason="stop"),), usage=Usage(input_tokens=9, output_tokens=2)
    )

    class AtOnce(Provider):
        """Answers at once."""

        def rules(self, model: str, params: Mapping[str, Any]) -> Rules:
            return {}

        async def complete(self, request: Request) -> Response:
            return answer

    llm = LLM("m", provider=AtOnce)
    if not concurrency:
        for number in range(tasks):
            await llm.agenerate(f"task {number}")
        return

    given = {} if journal is None else {"journal": journal}
    async with llm.abatch(
        (f"task {number}" for number in range(tasks)), max_concurrency=concurrency, **given
    ) as results:
        async for _ in results:
            pass


CONTESTANTS = {"asyncllm": ours, "bare SDK": bare_sdk}


def measured(run: Callable[[], Awaitable[None]]) -> dict[str, float]:
    """Return what *run* takes: seconds, seconds of CPU, and the most memory in MB."""

    async def timed() -> float:
        began = time.perf_counter()
        await run()
        return time.perf_counter() - began

    before = time.process_time()
    wall = asyncio.run(timed())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
    return {"wall": wall, "cpu": time.process_time() - before, "peak": peak}


def in_child(*args: object) -> dict[str, float]:
    """Run this file with *args* in a process of its own and return what it measured."""
    command = [sys.executable, __file__, "--child", *map(str, args)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def child(what: str, *args: str) -> None:
    """Measure one thing and print it."""
    if what == "at once":
        tasks, concurrency, journal = int(args[0]), int(args[1]), args[2]
        run = lambda: at_once(tasks, concurrency, Path(journal) if journal else None)  # noqa: E731
    else:
        address, requests, concurrency = args[0], int(args[1]), int(args[2])
        run = lambda: CONTESTANTS[what](address, requests, concurrency)  # noqa: E731
    print(json.dumps(measured(run)))


def contest(requests: int, concurrency: int, latency: float, rounds: int) -> None:
    """Print how both do against the server, and the ratio."""
    server = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("loopback.py"), str(latency)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        found = [
            {name: in_child(name, address, requests, concurrency) for name in CONTESTANTS}
            for _ in range(rounds)
        ]
    finally:
        assert server.stdin is not None
        server.stdin.close()
        server.wait()

    ideal = requests / concurrency * latency
    print(f"{requests} requests, {concurrency} at a time, {latency * 1000:g} ms each: {ideal:.2f} s at best")
    for name in CONTESTANTS:
        wall, cpu, peak = (
            statistics.median(each[name][what] for each in found) for what in ("wall", "cpu", "peak")
        )
        print(
            f"{name:>10}  {wall:6.2f} s  {wall / ideal:5.2f} x best  {requests / wall:7.0f} requests/s"
            f"  {cpu / requests * 1e6:6.0f} us CPU/request  {peak:5.0f} MB"
        )
    ratios = [each["bare SDK"]["wall"] / each["asyncllm"]["wall"] for each in found]
    print(
        f"{'ratio':>10}  {statistics.median(ratios):.2f} x the SDK's requests/s"
        f"  ({min(ratios):.2f} .. {max(ratios):.2f}, {rounds} rounds)"
    )


def cost(concurrency: int, rounds: int) -> None:
    """Print what the pipeline adds for each task, without a journal and with one."""
    tasks = 20_000
    rows: dict[str, list[float]] = {"a call by itself": [], "in a batch": [], "with a journal": []}
    rates = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            plain = in_child("at once", tasks, 0, "")
            batch = in_child("at once", tasks, concurrency, "")
            noted = in_child("at once", tasks, concurrency, Path(folder) / "run.db")
        for name, found in zip(rows, (plain, batch, noted), strict=True):
            rows[name].append(found["cpu"] / tasks * 1e6)
        rates.append(tasks / noted["wall"])
    medians = {name: statistics.median(times) for name, times in rows.items()}
    print(f"\n{tasks} tasks, answered at once: us of CPU for each")
    for name, median in medians.items():
        print(f"{name:>18}  {median:6.0f}")
    call, batch, noted = rows.values()
    added = statistics.median(b - a for a, b in zip(call, batch, strict=True))
    journal = statistics.median(b - a for a, b in zip(batch, noted, strict=True))
    print(f"the pipeline adds {added:.0f} us (wanted: under 60), the journal {journal:.0f} (under 200)")
    print(f"with the journal {statistics.median(rates):.0f} tasks/s (wanted: at least 5000)")


def memory(concurrency: int, numbers: tuple[int, ...]) -> None:
    """Print how much memory grows with the number of tasks."""
    peaks = [in_child("at once", number, concurrency, "")["peak"] for number in numbers]
    for number, peak in zip(numbers, peaks, strict=True):
        print(f"{number:>12,} tasks  {peak:6.1f} MB at most")
    print(f"it grew by {peaks[-1] - peaks[0]:.1f} MB (wanted: under 50)")


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--million", action="store_true", help="see what a million tasks take; some minutes")
    given = parser.parse_args()
    contest(given.requests, given.concurrency, given.latency, given.rounds)
    cost(given.concurrency, given.rounds)
    print()
    memory(given.concurrency, (MANY[0], 1_000_000) if given.million else MANY)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main()
