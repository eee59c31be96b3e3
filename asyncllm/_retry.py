"""Try again what is worth trying again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from typing import TypeVar

import anyio
import tenacity

from . import _log
from ._kinds import Number, Whole
from ._vocabulary import Parameter
from .errors import ProviderError

R = TypeVar("R")


PARAMETERS: Mapping[str, Parameter] = {
    "attempts":     Parameter(Whole(low=1), "How often to ask at most; 1 is no retry."),
    "wait_initial": Parameter(Number(low=0), "The upper end of the first wait, then doubled.", "seconds"),
    "wait_max":     Parameter(Number(low=0), "No wait is longer.", "seconds"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What lies between a failure and the next attempt."""

    attempt: int
    """Which attempt it was that failed, from 1 on."""
    seconds: float
    """How long the next one waits."""
    error: BaseException | None
    """What it failed with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """
    How long to keep trying.

    Errors whose class says ``retryable`` are tried again; the SDKs' own retries
    are off, so that attempts do not multiply. The waits grow exponentially with
    full jitter. A wait that the provider asks for (``Retry-After``) is honoured;
    one longer than *wait_max* is not sat out: the error comes at once, and its
    ``retry_after`` says when to come back.
    """

    attempts: int = 3
    """How often to ask at most; 1 is no retry."""
    wait_initial: float = 0.5
    """Seconds: the upper end of the first wait, doubled each time."""
    wait_max: float = 30.0
    """Seconds: no wait is longer."""

    def __post_init__(self) -> None:
        for name, parameter in PARAMETERS.items():
            parameter.check(name, getattr(self, name))

    async def __call__(self, func: Callable[[], Awaitable[R]]) -> tuple[R, int]:
        """Await *func* until it succeeds or fails for good; return its result and the attempts it took."""
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(self._worth_it),
            stop=tenacity.stop_after_attempt(self.attempts),
            wait=self._wait,
            sleep=anyio.sleep,
            before=self._before_try,
            before_sleep=self._before_wait,
            reraise=True,
        )
        result: R = await retrying(func)
        return result, int(retrying.statistics["attempt_number"])

    def _worth_it(self, exc: BaseException) -> bool:
        return isinstance(exc, ProviderError) and exc.retryable and (exc.retry_after or 0) <= self.wait_max

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, ProviderError) else None
        jittered = tenacity.wait_random_exponential(multiplier=self.wait_initial, max=self.wait_max)
        return jittered(state) if asked is None else asked

    def _before_try(self, state: tenacity.RetryCallState) -> None:
        if state.attempt_number > 1:
            self._tries_again()

    def _before_wait(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self._waits(Wait(attempt=state.attempt_number, seconds=state.upcoming_sleep, error=error))

    def _tries_again(self) -> None:
        """Take note that the wait is over."""

    def _waits(self, wait: Wait) -> None:
        """Take note that it will try again."""
        _log.warn("retry", attempt=wait.attempt, seconds=wait.seconds, error=type(wait.error).__name__)


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

    def _tries_again(self) -> None:
        self.again()

    def _waits(self, wait: Wait) -> None:
        super(CountedRetry, self)._waits(wait)
        if self.awaited is not None:
            self.awaited(wait)
