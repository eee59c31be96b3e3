"""The thread that owns a model."""

from __future__ import annotations

import copy
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from asyncllm.errors import LLMError, ProviderError, Unavailable

from ._context import Interrupted
from ._job import Job
from ._model import Model, loaded
from ._schedule import answer
from ._settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What an engine has to do, and what its model's memory holds; while the model loads, that is nothing."""

    running: int = 0
    """Calls that are being answered."""
    waiting: int = 0
    """Calls whose turn has not come."""
    cells_used: int = 0
    """Tokens that the memory holds; those of the last call stay until the next one needs the room."""
    cells: int = 0
    """Tokens that it has room for."""

    def gauges(self) -> dict[str, float]:
        """Return them under the names that a report has for them."""
        return {
            "sequences_running": self.running,
            "sequences_waiting": self.waiting,
            "context_used": self.cells_used,
            "context_size": self.cells,
        }


class Engine:
    """
    Loads a model, answers calls, and frees it, all in one thread of its own.

    No other thread touches the model, and no caller ever makes this one wait.
    Every method here may be called from any thread, and none blocks but :meth:`join`;
    :meth:`stop` takes no lock, since a finalizer may call it at any point.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self._path = path
        self._settings = settings
        self._process = os.getpid()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._running: Job | None = None
        self._model: Model | None = None
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
        return self._running is None

    @property
    def steps(self) -> int:
        """How often the model was computed."""
        return 0 if self._model is None else self._model.context.steps

    def figures(self) -> Figures:
        """Return what it has to do now."""
        model = self._model  # The engine's thread may let go of it at any point.
        return Figures(
            running=0 if self.is_idle else 1,
            waiting=self._jobs.qsize(),
            cells_used=0 if model is None else model.context.used,
            cells=0 if model is None else model.context.size,
        )

    def start(self) -> None:
        """Begin to load the model, unless somebody did; jobs may be queued before."""
        if self._start.acquire(blocking=False):
            self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue *job*; it is answered, or failed where the model cannot be loaded or is closed."""
        self._jobs.put(job)
        if not self.is_alive:
            self._refuse()

    def stop(self) -> None:
        """Break off what is being answered, fail what waits, and free the model."""
        if self._process != os.getpid():
            return

        self._stopping = True
        if (job := self._running) is not None:
            job.interrupt.set()
        self._jobs.put(None)

    def join(self, timeout: float) -> bool:
        """Wait until the model is freed and the thread gone; return whether that came to be."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _live(self) -> None:
        try:
            with loaded(self._path, self._settings, keep_going=lambda: not self._stopping) as model:
                self._model = model
                while not self._stopping and (job := self._jobs.get()) is not None:
                    if job.begin():
                        self._attend(model, job)
        except LLMError as exc:
            if not self._stopping:  # To be stopped while it loads is no fault of the file.
                self._failure = exc
        except Exception as exc:  # noqa: BLE001  whatever it is, those who wait must hear of it
            self._failure = Unavailable(f"the engine of {self._path} broke: {exc!r}")
        finally:
            self._model = None
            self._has_ended = True
            self._refuse()

    def _attend(self, model: Model, job: Job) -> None:
        self._running = job
        if self._stopping:  # stop() may have come just before.
            job.interrupt.set()
        try:
            for delta in answer(model, job):
                job.send(delta)
        except Interrupted:
            job.fail(copy.copy(self._failure))
        except Exception as exc:  # noqa: BLE001  the caller's to see; the next call may fare better
            job.fail(exc)
        finally:
            self._running = None
            job.end()

    def _refuse(self) -> None:
        """Fail what is queued."""
        while True:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return
            if job is not None and job.begin():
                job.fail(copy.copy(self._failure))
                job.end()
