"""asyncllm's own engine, by the interface that everybody uses."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio

from asyncllm import LLM
from asyncllm.cli._bench_calls import Timed, timed

from .match import Match, Spent
from .workloads import Task

DECODING, WORKING = "seconds_decoding", "seconds_working"
"""The gauges in which the engine tells what its thread did."""


class Ours:
    """An LLM in this process."""

    def __init__(self, llm: LLM) -> None:
        self._llm = llm

    async def ask(self, task: Task) -> Timed:
        return await timed(self._llm, task.messages)

    async def wake(self) -> None:
        """Nothing: without a call its thread waits."""

    async def rest(self) -> None:
        """Nothing, likewise."""

    async def spent(self) -> Spent | None:
        # Whoever looks at a figure waits for it.
        gauges = await anyio.to_thread.run_sync(
            lambda: self._llm.track_resource_utilization().gauges, limiter=anyio.CapacityLimiter(1)
        )
        if DECODING not in gauges or WORKING not in gauges:
            return None
        return Spent(decoding=gauges[DECODING], working=gauges[WORKING])


def opening(
    settings: Callable[[Match], Mapping[str, Any]],
) -> Callable[[Match], Any]:
    """Return what opens our engine with its *settings* for a match."""

    @asynccontextmanager
    async def opened(match: Match) -> AsyncGenerator[Ours]:
        llm = LLM(
            f"llamacpp:{match.model}",
            temperature=0,
            max_tokens=match.max_tokens,
            logit_bias=dict.fromkeys(match.ends, -100.0),
            **settings(match),
        )
        async with llm:
            yield Ours(llm)

    return opened
