"""asyncllm's own engine, by the interface that everybody uses."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

from asyncllm import LLM
from asyncllm.cli._bench_calls import Timed, timed
from asyncllm_llamacpp import LlamaCppProvider
from asyncllm_llamacpp._engine import Engine

from .match import Match, Spent
from .workloads import Task


class Ours:
    """An LLM in this process, and the engine behind it."""

    def __init__(self, llm: LLM, engine: Engine) -> None:
        self._llm = llm
        self._engine = engine

    async def ask(self, task: Task) -> Timed:
        return await timed(self._llm, task.messages)

    async def wake(self) -> None:
        """Nothing: without a call its thread waits."""

    async def rest(self) -> None:
        """Nothing, likewise."""

    async def spent(self) -> Spent | None:
        figures = self._engine.figures()
        return Spent(decoding=figures.decoding, working=figures.working)


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
        # Whoever asks for the same model with the same settings gets the same engine.
        beside = LlamaCppProvider(**settings(match))
        async with llm, aclosing(beside):
            yield Ours(llm, beside.engine(str(match.model)))

    return opened
