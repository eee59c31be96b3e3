"""Collect what calls take, while they are made."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from typing import TypeVar

from ._metrics import Metrics
from ._model import Model
from ._retry import Retry, Wait
from ._types import Response
from .errors import ConfigurationError

R = TypeVar("R")


class Collector:
    """Adds up what calls take, in any number of threads; nothing is ever taken away again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._so_far = Metrics()
        self.latest = 0.0
        """The seconds that the last answer took; 0 before the first."""

    def snapshot(self) -> Metrics:
        """Return what there is so far; it does not change any more."""
        return self._so_far

    def add(self, metrics: Metrics) -> None:
        """Take in what was not there yet."""
        with self._lock:
            self._so_far += metrics
            if metrics.calls:
                self.latest = metrics.generation_time

    def retried(self) -> None:
        """Count one more attempt at the same thing."""
        self.add(Metrics(retries=1))

    def over(self, model: Model, response: Response | None, error: BaseException | None) -> None:
        """
        Take in what a call of *model* took that is over; one that was never sent does not count.

        Args:
            model: Who was asked.

            response: The answer, or what had come of a stream.

            error: Where there is none, what the call failed with or was cancelled by.
        """
        if response is not None:
            seller = getattr(model.rulebook, "base_url", None) or model.provider
            self.add(Metrics.of(response, seller=seller))
        elif not isinstance(error, ConfigurationError):
            failed = isinstance(error, Exception)
            self.add(Metrics(errors=int(failed), cancelled=int(not failed)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedRetry(Retry):
    """Tries as another does, and says each time that it will try, and that it tries again."""

    again: Callable[[], None]
    """Called when it tries again."""
    awaited: Callable[[Wait], None] | None = None
    """Called before, with what it waits for until then."""

    @classmethod
    def like(
        cls, retry: Retry, again: Callable[[], None], awaited: Callable[[Wait], None] | None = None
    ) -> CountedRetry:
        """Return one that tries as *retry* does, and calls *again* and *awaited*."""
        given = {each.name: getattr(retry, each.name) for each in fields(Retry)}
        return cls(**given, again=again, awaited=awaited)

    async def __call__(self, func: Callable[[], Awaitable[R]]) -> tuple[R, int]:
        """Await *func* until it succeeds or fails for good; return its result and the attempts it took."""
        tried = False

        async def counted() -> R:
            nonlocal tried
            if tried:
                self.again()
            tried = True
            return await func()

        return await Retry.__call__(self, counted)

    def _waits(self, wait: Wait) -> None:
        super(CountedRetry, self)._waits(wait)
        if self.awaited is not None:
            self.awaited(wait)
