"""Ask the tasks of a file, and write what comes of them; Ctrl-C stops it gently, and twice at once."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio

from asyncllm._llm import LLM
from asyncllm.batch import BatchResult, ResultFile, Results, Task, read_tasks
from asyncllm.errors import InvalidTask

from . import _print
from ._control_characters import harmless
from ._outcomes import LONGEST

INCOMPLETE = 1
INTERRUPTED = 130
"""The exit codes of a batch whose tasks were not all answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is asked, and where the answers go."""

    tasks: str
    format: str | None
    results: ResultFile
    settings: Mapping[str, Any]
    """Arguments of :meth:`LLM.abatch`."""
    quiet: bool


@dataclass(slots=True)
class Ended:
    """What became of a batch."""

    failures: Counter[str] = field(default_factory=Counter[str])
    """How many tasks failed, by the kinds of their errors."""
    first: str = ""
    """What the first of them was, and of which task."""
    stopped: str | None = None
    interrupted: int = 0
    """How often somebody pressed Ctrl-C."""

    def take(self, result: BatchResult) -> None:
        """Note what a result says of the whole."""
        if result.error is not None:
            self.first = self.first or f"{result.key}: {result.error!s:.{LONGEST}}"
            self.failures[type(result.error).__name__] += 1

    @property
    def code(self) -> int:
        """The exit code."""
        if self.interrupted:
            return INTERRUPTED
        return INCOMPLETE if self.failures or self.stopped is not None else 0

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield what was not as it was to be."""
        if self.failures:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.failures.most_common())
            yield "failed", f"{kinds}; the first was {self.first}"
        if self.stopped is not None:
            yield "stopped", self.stopped


class Known(AsyncIterable[Task]):
    """The tasks of a file that was read before: how many there are is known."""

    def __init__(self, plan: Plan, total: int) -> None:
        self._plan = plan
        self._total = total

    def __aiter__(self) -> AsyncIterator[Task]:
        return read_tasks(self._plan.tasks, format=self._plan.format)

    def __len__(self) -> int:
        return self._total


async def asked(llm: LLM, plan: Plan) -> Ended:
    """
    Ask until all is answered, or something stops it; return what became of it.

    Raises:
        InvalidTask: A line is no task, or there is none.
        LLMError: The batch raised it.
    """
    tasks = await _checked(plan)
    ended = Ended()
    async with plan.results as file, llm, llm.abatch(tasks, **plan.settings) as results:
        await _written(results, file, ended, plan)
    ended.stopped = results.stopped
    return ended


async def _checked(plan: Plan) -> AsyncIterable[Task]:
    """Return the tasks; those of a file, which can be read twice, were all looked at."""
    tasks = read_tasks(plan.tasks, format=plan.format)
    if not await anyio.Path(plan.tasks).is_file():
        return tasks

    total = 0
    async for _ in tasks:
        total += 1
    if not total:
        raise InvalidTask(f"there are no tasks in {plan.tasks!r}")
    return Known(plan, total)


async def _written(results: Results, file: ResultFile, ended: Ended, plan: Plan) -> None:
    """Write results until there are no more, or Ctrl-C is pressed twice."""
    error: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(_listen, results, ended, plan, group.cancel_scope)
        try:
            while ready := await results.ready():
                taken = [results.take() for _ in range(ready)]
                for result in taken:
                    ended.take(result)
                await file.write(taken)
        except Exception as exc:  # noqa: BLE001 - raised below, out of the group
            error = exc
        group.cancel_scope.cancel()
    if error is not None:
        raise error


async def _listen(results: Results, ended: Ended, plan: Plan, asking: anyio.CancelScope) -> None:
    """Let the first Ctrl-C begin no more tasks, and the second cancel those in flight."""
    if sys.platform == "win32":  # No event loop takes signals there: Ctrl-C ends the program.
        return

    with anyio.open_signal_receiver(signal.SIGINT) as signals:
        async for _ in signals:
            ended.interrupted += 1
            if ended.interrupted > 1:
                asking.cancel()
                return
            results.stop("Ctrl-C was pressed")
            if not plan.quiet:
                _print.note("stopping", "what is in flight may end; Ctrl-C again cancels it", style="yellow")


def tell(ended: Ended) -> None:
    """Say to people what was not as it was to be."""
    for label, text in ended.lines():
        _print.note(label, harmless(" ".join(text.split())), style="yellow")
