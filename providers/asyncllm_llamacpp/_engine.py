"""The thread that owns a model."""

from __future__ import annotations

import copy
import os
import threading
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue

from asyncllm.errors import LLMError, ProviderError, RateLimited, Unavailable

from ._figures import Figures
from ._job import Job
from ._model import Model, loaded
from ._placement import Placement
from ._schedule import Schedule
from ._settings import Settings


class Engine:
    """
    Opens a model, answers calls, many at a time, and closes it, all in one thread of its own.

    Other engines may read the same weights; no other thread touches what this one makes of them, and no
    caller ever makes it wait.
    Every method here may be called from any thread, and none blocks but :meth:`join`;
    :meth:`stop` takes no lock, since a finalizer may call it at any point.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self._path = path
        self._settings = settings
        self._process = os.getpid()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._model: Model | None = None
        self._schedule: Schedule | None = None
        self._stopping = False
        self._has_ended = False
        self._failure: LLMError = ProviderError(f"the model in {path} was closed while it was asked")
        self._start = threading.Lock()
        self._thread = threading.Thread(target=self._live, name=f"asyncllm {path.name}", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether it takes calls: it did not fail, was not stopped, and is no relic of a parent process."""
        return not self._stopping and not self._has_ended and self._process == os.getpid()

    @property
    def is_stopped(self) -> bool:
        """Whether :meth:`stop` was called: nobody held it any more."""
        return self._stopping

    @property
    def is_idle(self) -> bool:
        """Whether no call is being answered."""
        return not self.figures().running

    @property
    def steps(self) -> int:
        """How often the model was computed."""
        return 0 if self._model is None else self._model.context.steps

    @property
    def placement(self) -> Placement | None:
        """Where the model came to be; None while it is not loaded."""
        return None if (model := self._model) is None else model.placement

    def gauges(self) -> dict[str, float]:
        """Return how busy it is and what it takes, under the names that a report has for them."""
        placement = self.placement
        return {**self.figures().gauges(), **({} if placement is None else placement.gauges())}

    def figures(self) -> Figures:
        """Return how busy it is."""
        schedule = self._schedule
        figures = Figures() if schedule is None else schedule.figures
        return replace(figures, waiting=figures.waiting + self._jobs.qsize())

    @property
    def own_share(self) -> float:
        """Which share of the time that steps took was not llama.cpp's."""
        if (schedule := self._schedule) is None or not schedule.seconds:
            return 0.0
        return 1 - schedule.context.seconds / schedule.seconds

    def start(self) -> None:
        """Begin to load the model, unless somebody did; jobs may be queued before."""
        if self._start.acquire(blocking=False):
            self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue *job*; it is answered, or failed where the model cannot be loaded or is closed."""
        is_limited = not job.only_count and job.may_be_refused
        if is_limited and (waiting := self._waiting_in_vain()) >= self._settings.max_waiting:
            job.drop(
                RateLimited(
                    f"{waiting} calls wait for {self._path.name}, and it takes no more (max_waiting=…)"
                )
            )
            return

        self._jobs.put(job)
        if not self.is_alive:
            self._refuse()

    def stop(self) -> None:
        """Break off what is being answered, fail what waits, and free the model."""
        if self._process != os.getpid():
            return

        self._stopping = True
        if (model := self._model) is not None:
            model.context.halt()
        self._jobs.put(None)

    def join(self, timeout: float) -> bool:
        """Wait until the model is freed and the thread gone; return whether that came to be."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _waiting_in_vain(self) -> int:
        """Return how many calls wait that no free sequence is there for."""
        # In the order in which calls move on, backwards: none is seen twice.
        taken = 0 if (schedule := self._schedule) is None else schedule.taken
        free = max(0, self._settings.max_sequences - taken)
        return self.figures().waiting - free

    def _live(self) -> None:
        try:
            with loaded(self._path, self._settings, keep_going=lambda: not self._stopping) as model:
                self._model = model
                self._serve(Schedule(model))
        except LLMError as exc:
            if not self._stopping:  # To be stopped while it loads is no fault of the file.
                self._failure = exc
        except Exception as exc:  # noqa: BLE001  whatever it is, those who wait must hear of it
            self._failure = Unavailable(f"the engine of {self._path} broke: {exc!r}")
        finally:
            self._model = self._schedule = None
            self._has_ended = True
            self._refuse()

    def _serve(self, schedule: Schedule) -> None:
        self._schedule = schedule
        error = self._failure
        try:
            while not self._stopping:
                self._take_in(schedule)
                schedule.step()
        except Exception as exc:
            error = Unavailable(f"the engine of {self._path} broke: {exc!r}")
            raise
        finally:
            schedule.close(error)

    def _take_in(self, schedule: Schedule) -> None:
        """Take in what is new; wait for it where there is nothing to do."""
        try:
            job = self._jobs.get(block=schedule.is_idle)
            while job is not None:
                schedule.add(job)
                job = self._jobs.get_nowait()
        except Empty:
            return

    def _refuse(self) -> None:
        """Fail what is queued."""
        while True:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return
            if job is not None:
                job.drop(copy.copy(self._failure))
