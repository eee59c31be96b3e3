"""Collect what calls take, while they are made."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TypeVar

from ._metrics import Metrics
from ._retry import Retry
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

    @contextmanager
    def failures(self) -> Generator[None]:
        """Count a call that fails, or is cancelled, within; one that was never sent does not count."""
        try:
            yield
        except ConfigurationError:
            raise
        except Exception:
            self.add(Metrics(errors=1))
            raise
        except BaseException:
            self.add(Metrics(cancelled=1))
            raise


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedRetry(Retry):
    """Tries as another does, and says each time that it tries again."""

    again: Callable[[], None]

    @classmethod
    def like(cls, retry: Retry, again: Callable[[], None]) -> CountedRetry:
        """Return one that tries as *retry* does and calls *again*."""
        given = {each.name: getattr(retry, each.name) for each in fields(Retry)}
        return cls(**given, again=again)

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
