"""What is the same for all contestants, and what a contestant is."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from asyncllm.cli._bench_calls import Timed

from .workloads import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The terms, which hold for all alike."""

    model: Path
    at_once: int
    """How many calls there are at a time, and so how many slots."""
    room: int
    """The tokens that a prompt and its answer may take together."""
    threads: int
    gpu_layers: int
    """How many layers a GPU holds; 0 is none, and -1 all."""
    max_tokens: int
    """How long each answer is: nobody ends before."""
    ends: tuple[int, ...]
    """The tokens by which the model would end an answer: they are not to be drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What an engine's thread did since it began, in seconds."""

    decoding: float
    """Within ``llama_decode``."""
    working: float
    """All in all, without waiting for something to do."""


class Contestant(Protocol):
    """Answers tasks, any number at a time."""

    async def ask(self, task: Task) -> Timed:
        """Answer *task* greedily and return the times."""
        ...

    async def wake(self) -> None:
        """Get ready: it is its turn."""
        ...

    async def rest(self) -> None:
        """Take nothing of the machine: it is the others' turn."""
        ...

    async def spent(self) -> Spent | None:
        """Return what it did so far; None where it does not tell."""
        ...


class Opening(Protocol):
    """Makes a contestant for a match, and closes it in the end."""

    def __call__(self, match: Match, /) -> AbstractAsyncContextManager[Contestant]: ...
