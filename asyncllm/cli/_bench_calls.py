"""Ask several times at once, and note when each answer began and ended."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, Unpack

from asyncllm._bounded import map_bounded
from asyncllm._llm import LLM
from asyncllm._types import Prompt
from asyncllm.provider import Params

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """An answer's times, in seconds from the moment when it was asked for."""

    first: float
    """Until the first piece of text; of an answer without text, until its end."""
    total: float
    tokens: int | None
    """The tokens of the answer; None where nobody counted them."""
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    """Those of the prompt's that were in a cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Calls that began at the same moment."""

    seconds: float
    """Until the last of them had ended."""
    calls: tuple[Timed, ...]


class Clock:
    """Runs from the moment when it is made: the moment when a call is asked."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._first: float | None = None

    @property
    def has_begun(self) -> bool:
        """Whether a piece of the answer has come."""
        return self._first is not None

    def piece(self) -> None:
        """Note that a piece of text has come: the first one counts."""
        if self._first is None:
            self._first = time.perf_counter() - self._began

    def over(self, tokens: int | None, **known: Any) -> Timed:
        """Return the times of an answer that has just ended, with what is *known* besides."""
        total = time.perf_counter() - self._began
        return Timed(first=total if self._first is None else self._first, total=total, tokens=tokens, **known)


async def at_once(ask: Callable[[T], Awaitable[Timed]], tasks: Sequence[T]) -> Round:
    """
    Ask everything at the same moment and wait for all answers.

    Raises:
        Exception: The first that a call raised; the others are cancelled.
    """
    began = time.perf_counter()
    calls = await map_bounded(ask, tasks, limit=len(tasks))
    return Round(seconds=time.perf_counter() - began, calls=tuple(calls))


async def timed(llm: LLM, task: Prompt, **params: Unpack[Params]) -> Timed:
    """Ask *llm*, take the answer as it comes, and return its times."""
    clock = Clock()
    async with llm.astream(task, **params) as stream:
        async for _ in stream:
            clock.piece()
        usage = stream.response.usage
    if usage is None:
        return clock.over(None)

    known = {"prompt_tokens": usage.input_tokens, "cached_tokens": usage.cached_tokens}
    return clock.over(usage.output_tokens, **known)
