"""Calls whose turn has not come."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ._beaming import Beaming
from ._call import Call, Plain, count
from ._job import Job
from ._memory import Memory
from ._model import Model
from ._state import Save, Saving


class Line:
    """
    Calls that wait; the first come first.

    Args:
        model: The model that is to answer them.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._jobs: deque[Job] = deque()
        self._ready: deque[Call] = deque()
        """Those that go first: they had to give way, or lack but the room."""

    def __len__(self) -> int:
        return len(self._jobs) + len(self._ready)

    def add(self, job: Job) -> None:
        """Take *job* in; one that only counts is answered at once."""
        if not job.only_count:
            self._jobs.append(job)
        elif job.begin():
            try:
                count(self._model, job)
            except Exception as exc:  # noqa: BLE001  the caller's to see
                job.fail(exc)
            finally:
                job.end()

    def put_back(self, call: Call) -> None:
        """Let *call* be the next: it was under way, and had to give way."""
        self._ready.appendleft(call)

    def drop_called_off(self) -> list[Call]:
        """Leave out those that nobody waits for; return the ones that hold something."""
        if any(job.interrupt.is_set for job in self._jobs):
            self._jobs = deque(job for job in self._jobs if not job.interrupt.is_set)
        dropped = [call for call in self._ready if call.job.interrupt.is_set]
        for call in dropped:
            self._ready.remove(call)
        return dropped

    def next(self, running: Sequence[Call], memory: Memory, rows: int) -> Call | None:
        """Return the next call where it fits in beside those that are *running*, in *rows* rows."""
        if not self._ready and (call := self._prepared()) is not None:
            self._ready.append(call)
        if not self._ready or (running and not _fits(self._ready[0], running, memory, rows)):
            return None

        return self._ready.popleft()

    def empty(self) -> tuple[list[Job], list[Call]]:
        """Return all that wait, and forget them."""
        jobs, calls = list(self._jobs), list(self._ready)
        self._jobs.clear()
        self._ready.clear()
        return jobs, calls

    def _prepared(self) -> Call | None:
        while self._jobs:
            job = self._jobs.popleft()
            if not job.begin():
                continue
            try:
                return _call(self._model, job)
            except Exception as exc:  # noqa: BLE001  the caller's to see; the next call may fare better
                job.fail(exc)
                job.end()
        return None


def _fits(call: Call, running: Sequence[Call], memory: Memory, rows: int) -> bool:
    if sum(each.width for each in running) + call.width > rows:
        return False

    before = [strand for each in running for strand in each.strands]
    strands = [*before, *call.strands]
    needed = 0
    for at, strand in enumerate(strands):
        others = strands[:at] if strand.sequence is None else ()
        needed += strand.unread - max((memory.shared(strand, each, ahead=True) for each in others), default=0)
    # One more for each, so that nobody has to give way at once.
    return memory.cells.needed + needed + len(before) + call.width <= memory.cells.count


def _call(model: Model, job: Job) -> Call:
    if isinstance(job, Saving):
        return Save(model, job)
    has_beams = job.request.options.get("num_beams", 1) > 1
    return Beaming(model, job) if has_beams else Plain(model, job)
