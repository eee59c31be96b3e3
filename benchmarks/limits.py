"""
What the limits add to a call: microseconds of CPU for each request that passes the gate.

    python benchmarks/limits.py [requests]
"""

import statistics
import sys
import time

import anyio

from asyncllm import Limits
from asyncllm._deadline import Deadline
from asyncllm._limits import Claim, Gate, Ticket
from asyncllm.provider import Message, Request

REQUEST = Request(model="m", messages=(Message("user", "Say hello to everybody here."),), options={})
CASES = {
    "no limits":                 None,
    "max_concurrency":           Limits(max_concurrency=64),
    "requests a minute besides": Limits(max_concurrency=64, requests_per_minute=1e9),
    "tokens a minute besides":   Limits(max_concurrency=64, requests_per_minute=1e9, tokens_per_minute=1e12),
}  # fmt: skip


async def cost(limits: Limits | None, requests: int) -> float:
    """Return the microseconds of CPU that one request takes to enter the gate and to leave it."""
    gate, deadline = Gate(), Deadline(None)
    claim = None if limits is None else Claim(limits)
    began = time.process_time()
    for _ in range(requests):
        if claim is not None:
            gate.claim(claim)
        lane = gate.lane("m", adaptive=True)
        ticket = Ticket(gate, lane, REQUEST, most=None, patience=30.0, deadline=deadline)
        await ticket.enter()
        ticket.leave()
    return (time.process_time() - began) / requests * 1e6


async def contended(requests: int) -> float:
    """Return the same where 100 tasks wait for 10 places, so that most requests wait in line."""
    gate, deadline = Gate(), Deadline(None)
    gate.claim(claim := Claim(Limits(max_concurrency=10)))

    async def work() -> None:
        for _ in range(requests // 100):
            ticket = Ticket(
                gate, gate.lane("m", adaptive=True), REQUEST, most=None, patience=30.0, deadline=deadline
            )
            await ticket.enter()
            await anyio.lowlevel.checkpoint()
            ticket.leave()

    began = time.process_time()
    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(work)
    del claim
    return (time.process_time() - began) / requests * 1e6


def main(requests: int = 20_000) -> None:
    """Print the medians of five runs."""
    for name, limits in CASES.items():
        print(f"{statistics.median(anyio.run(cost, limits, requests) for _ in range(5)):7.2f} µs  {name}")
    waiting = statistics.median(anyio.run(contended, requests) for _ in range(5))
    print(f"{waiting:7.2f} µs  100 tasks, 10 places: each waits in line")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
