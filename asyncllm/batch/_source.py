"""Where the tasks of a batch come from."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, cast

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from asyncllm._tasks import check_tasks
from asyncllm._types import Prompt
from asyncllm.errors import InvalidTask

from ._task import Task, fingerprint

Tasks: TypeAlias = Iterable[Prompt | Task] | AsyncIterable[Prompt | Task]
"""What a batch takes: as many as you like, even without an end."""


@dataclass(frozen=True)
class Job:
    """A task, and where in its batch it stands."""

    index: int
    task: Task

    @property
    def key(self) -> str:
        """The task's own key, or else its index."""
        return str(self.index) if self.task.key is None else self.task.key

    @cached_property
    def fingerprint(self) -> str:
        """What tells the task from another; for one that is none it is empty, and the result says why."""
        try:
            return fingerprint(self.task)
        except InvalidTask:
            return ""


class Source:
    """
    Tasks, taken one by one as they are asked for.

    Raises:
        InvalidTask: *tasks* is a single one, or nothing to go through.
    """

    def __init__(self, tasks: Tasks) -> None:
        if isinstance(tasks, Task):
            raise InvalidTask("tasks is an iterable of tasks; for a single one write [task]")
        self._plain: Iterator[Prompt | Task] | None = None
        self._async: AsyncIterator[Prompt | Task] | None = None
        if isinstance(tasks, AsyncIterable):
            self._async = aiter(tasks)
        else:
            check_tasks(tasks)
            self._plain = iter(tasks)
        self.total = len(cast("Any", tasks)) if hasattr(tasks, "__len__") else None
        """How many there are, where that is known."""
        self._next = 0
        self._turn = anyio.Lock(fast_acquire=True)
        self._waiting: anyio.CancelScope | None = None
        self._closed = False

    async def take(self) -> Job | None:
        """Return the next one; None is the end."""
        if self._plain is not None:
            await checkpoint_if_cancelled()
            if self._closed:
                return None
            for given in self._plain:
                return self._job(given)
            return None

        assert self._async is not None, "it is either the one or the other"
        async with self._turn:  # An async generator cannot be asked twice at a time.
            if self._closed:
                return None
            with anyio.CancelScope() as self._waiting:
                async for given in self._async:
                    return self._job(given)
            return None

    def close(self) -> None:
        """Take no more; whoever waits for the next one gets none."""
        self._closed = True
        if self._waiting is not None:
            self._waiting.cancel()

    def _job(self, given: Prompt | Task) -> Job:
        index, self._next = self._next, self._next + 1
        return Job(index, given if isinstance(given, Task) else Task(given))
