"""Collect what calls take, while they are made."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from ._metrics import Metrics
from ._model import Model
from ._secrets import bare
from ._types import Response
from .errors import ConfigurationError

AT_ONCE = 256
"""How many calls are added up in one go: that costs hardly more than to add up two."""


class Collector:
    """Adds up what calls take, in any number of threads; nothing is ever taken away again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts = [Metrics()]
        self._retries = 0
        self.latest = 0.0
        """The seconds that the last answer was waited for; 0 before the first."""

    def snapshot(self) -> Metrics:
        """Return what there is so far; it does not change any more."""
        with self._lock:
            return self._so_far()

    def add(self, metrics: Metrics) -> None:
        """Take in what was not there yet."""
        with self._lock:
            self._parts.append(metrics)
            if metrics.calls:
                self.latest = metrics.generation_time
            if len(self._parts) >= AT_ONCE:
                self._so_far()
        if (beside := self._beside()) is not None:
            beside.add(metrics)

    def retried(self) -> None:
        """Count one more attempt at the same thing."""
        with self._lock:
            self._retries += 1
        if (beside := self._beside()) is not None:
            beside.retried()

    @contextmanager
    def beside(self, other: Collector) -> Generator[None]:
        """Let *other* take in too what this one is told of within: by this task and those it starts."""
        token = _BESIDE.set((self, other))
        try:
            yield
        finally:
            _BESIDE.reset(token)

    def over(self, model: Model, response: Response | None, error: BaseException | None) -> None:
        """
        Take in what a call of *model* took that is over; one that was never sent does not count.

        Args:
            model: Who was asked.

            response: The answer, or what had come of a stream.

            error: Where there is none, what the call failed with or was cancelled by.
        """
        if response is not None:
            seller = bare(getattr(model.rulebook, "base_url", None)) or model.provider
            self.add(Metrics.of(response, seller=seller))
        elif error is not None:
            self.failed(error)

    def failed(self, error: BaseException) -> None:
        """Take in a call that brought nothing: *error* is what it failed with or was cancelled by."""
        if not isinstance(error, ConfigurationError):
            is_failure = isinstance(error, Exception)
            self.add(Metrics(errors=int(is_failure), cancelled=int(not is_failure)))

    def _beside(self) -> Collector | None:
        owner, beside = _BESIDE.get()
        return beside if owner is self else None

    def _so_far(self) -> Metrics:
        if self._parts[1:] or self._retries:
            parts, retries = self._parts, self._retries
            total = Metrics.total(parts)
            if retries:
                total = replace(total, retries=total.retries + retries)
            self._parts, self._retries = [total], 0
        return self._parts[0]


_BESIDE: ContextVar[tuple[Collector | None, Collector | None]] = ContextVar("_BESIDE", default=(None, None))
"""Whose measures are taken in twice, and by whom else."""
