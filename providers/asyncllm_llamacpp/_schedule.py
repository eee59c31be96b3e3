"""How calls share the model: many in one step, the first come first."""

from __future__ import annotations

import copy
import time

from asyncllm.errors import LLMError, Unavailable

from ._call import Call
from ._context import Full, Interrupted
from ._figures import Figures
from ._job import Job
from ._line import Line
from ._model import Model
from ._pace import Pace
from ._scores import scores
from ._state import TakingUp, take_up
from ._turn import Part, Turn


class Schedule:
    """
    The calls to one model, step by step.

    Args:
        model: The model.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self.context = model.context
        self._line = Line(model)
        self._running: list[Call] = []
        """In the order in which they came."""
        self._pace = Pace()
        self.seconds = 0.0
        """How long the steps took, with all that is done around :attr:`Context.seconds`."""

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._running and not self._line

    @property
    def figures(self) -> Figures:
        """How busy it is; any thread may ask."""
        cells = self.context.memory.cells
        return Figures(
            running=len(self._running),
            waiting=len(self._line),
            cells_used=cells.used,
            cells=cells.count,
            working=self.seconds,
            decoding=self.context.seconds,
        )

    @property
    def taken(self) -> int:
        """How many sequences the calls that are being answered have; any thread may ask."""
        return sum(call.width for call in tuple(self._running))

    def add(self, job: Job) -> None:
        """Take *job* in; what it gives back to the memory is there at once."""
        if isinstance(job, TakingUp):
            take_up(self._model, job)
        else:
            self._line.add(job)

    def step(self) -> None:
        """Compute the model once, for as many calls as there is room for."""
        began = time.perf_counter()
        self._step()
        self.seconds += time.perf_counter() - began

    def _step(self) -> None:
        self._drop_called_off()
        self._admit()
        if not (parts := self._planned()):
            return

        try:
            self._compute(parts)
        except Interrupted:
            self._forget(parts)
        except Full:
            self._make_room()
        except LLMError as exc:
            for call in {id(part.call): part.call for part in parts}.values():
                self._end(call, exc)
            self._begin_anew()
        else:
            self._hear(parts)

    def close(self, error: LLMError) -> None:
        """Fail all that is under way, and all that waits, with *error*."""
        jobs, calls = self._line.empty()
        for call in (*self._running, *calls):
            self._end(call, copy.copy(error))
        for job in jobs:
            job.drop(copy.copy(error))

    def _drop_called_off(self) -> None:
        dropped = [call for call in self._running if call.job.interrupt.is_set]
        for call in (*dropped, *self._line.drop_called_off()):
            self._end(call)

    def _admit(self) -> None:
        rows = min(self.context.size.running, self.context.batch.room)
        while (call := self._line.next(self._running, self.context.memory, rows)) is not None:
            if call.is_seeded and not self._running:
                # Scores depend, in their last bits, on where in the memory a text is and how it got there.
                self.context.memory.clear()
            self._running.append(call)
            self._running.sort(key=lambda each: each.job.submitted)

    def _planned(self) -> list[Part]:
        """Fill the batch; the youngest give way until there is room for something."""
        context = self.context
        while self._running:
            turn = Turn(self._running, context.memory, context.batch)
            turn.place()
            if turn.answer():
                most = min(context.size.batch, context.batch.room)
                turn.read(self._pace.tokens(most, len(turn.parts)))
                if turn.parts:
                    return turn.parts
            self._give_way(self._running[-1])
        return []

    def _compute(self, parts: list[Part]) -> None:
        before = self.context.seconds
        self.context.compute(dict.fromkeys(part.call.job.interrupt for part in parts))
        self._pace.note(self.context.batch.count, self.context.seconds - before)

    def _hear(self, parts: list[Part]) -> None:
        context = self.context
        heard = [part for part in parts if part.is_last]
        for part in parts:
            context.memory.advance(part.strand, part.count)
        for part in heard:
            call = part.call
            if call not in self._running:  # It has just ended, by what another of its strands heard.
                continue
            if call.job.interrupt.is_set:
                self._end(call)
                continue
            try:
                has_ended = call.hear(
                    part.strand, scores(context.handle, self._model.vocabulary.size, part.row), context
                )
            except Exception as exc:  # noqa: BLE001  the caller's to see; the others go on
                self._end(call, exc)
            else:
                if has_ended:
                    self._end(call)

    def _forget(self, parts: list[Part]) -> None:
        """Forget what took part in a step that was broken off: how much of it was read is not known."""
        memory = self.context.memory
        if memory.can_cut:
            for part in parts:
                memory.free(part.strand)
            return

        # llama.cpp moves states out of the way of others, in its books at once and in fact amid the step.
        for call in self._running:
            for strand in call.strands:
                memory.free(strand)
        memory.clear()

    def _make_room(self) -> None:
        """Do what helps where llama.cpp has no room though we count enough: forget, then let one give way."""
        memory = self.context.memory
        if memory.kept:
            memory.clear()
        elif len(self._running) > 1:
            self._give_way(self._running[-1])
        else:
            self._end(self._running[0], Unavailable("llama.cpp stopped: the context has no room left"))

    def _give_way(self, call: Call) -> None:
        """Take *call* out of the memory; later it is read again, and goes on as if nothing had been."""
        self._running.remove(call)
        for strand in call.strands:
            self.context.memory.free(strand)
        self._line.put_back(call)

    def _begin_anew(self) -> None:
        """Make a new context; who did not take part in the step that failed is read again."""
        for call in self._running:
            for strand in call.strands:
                strand.forget()
        self.context.renew()

    def _end(self, call: Call, error: Exception | None = None) -> None:
        if call in self._running:
            self._running.remove(call)
        for strand in call.strands:
            self.context.memory.keep(strand)
        call.close()
        if error is not None:
            call.job.fail(error)
        call.job.end()
