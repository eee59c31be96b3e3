"""Try again what is worth trying again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Protocol, TypeVar

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


class Line(Protocol):
    """Where a request waits with others, and what there is to know of these."""

    @property
    def free(self) -> int:
        """How many of the attempts do not count, since others got through meanwhile."""
        ...

    def permits(self) -> bool:
        """Return whether there may be another attempt, so shortly after those of others."""
        ...

    def waits(self, error: BaseException | None) -> float | None:
        """Return the seconds that the next attempt will wait in line after *error*; None if it will not."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait before the next attempt, where it will not wait in line anyway."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """
    How long to keep trying.

    Errors whose class says ``retryable`` are tried again; the SDKs' own retries
    are off, so that attempts do not multiply. The waits grow exponentially with
    full jitter. A wait that the provider asks for (``Retry-After``) is honoured;
    one longer than *wait_max* is not sat out: the error comes at once, and its
    ``retry_after`` says when to come back.

    A request that was refused as rate-limited waits in line with the others that
    go to the same account. Where any of these got through within the last minute, it
    does not count as an attempt. Of what fails otherwise only a share is tried again
    (``Limits.retry_budget``), so that an outage is not multiplied.
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

    async def __call__(self, func: Callable[[], Awaitable[R]], line: Line | None = None) -> tuple[R, int]:
        """
        Await *func* until it succeeds or fails for good; return its result and the attempts it took.

        Args:
            func: Asks once.

            line: Where it waits before, with others.
        """
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(self._worth_it),
            stop=partial(self._is_over, line=line),
            wait=partial(self._wait, line=line),
            sleep=anyio.sleep if line is None else line.sleep,
            before=self._before_try,
            before_sleep=self._before_wait,
            reraise=True,
        )
        result: R = await retrying(func)
        return result, int(retrying.statistics["attempt_number"])

    def _worth_it(self, exc: BaseException) -> bool:
        return isinstance(exc, ProviderError) and exc.retryable and (exc.retry_after or 0) <= self.wait_max

    def _is_over(self, state: tenacity.RetryCallState, line: Line | None) -> bool:
        free = 0 if line is None or self.attempts == 1 else line.free
        if state.attempt_number - free >= self.attempts:
            return True
        if line is None or line.permits():
            return False

        if (error := _error(state)) is not None:
            error.args = (f"{error} (not tried again: too many requests to this provider fail just now)",)
        return True

    def _wait(self, state: tenacity.RetryCallState, line: Line | None = None) -> float:
        error = _error(state)
        asked = error.retry_after if isinstance(error, ProviderError) else None
        in_line = None if line is None else line.waits(error)
        if in_line is not None:
            return max(in_line, asked or 0.0)
        jittered = tenacity.wait_random_exponential(multiplier=self.wait_initial, max=self.wait_max)
        return jittered(state) if asked is None else asked

    def _before_try(self, state: tenacity.RetryCallState) -> None:
        if state.attempt_number > 1:
            self._tries_again()

    def _before_wait(self, state: tenacity.RetryCallState) -> None:
        self._waits(Wait(attempt=state.attempt_number, seconds=state.upcoming_sleep, error=_error(state)))

    def _tries_again(self) -> None:
        """Take note that the wait is over."""

    def _waits(self, wait: Wait) -> None:
        """Take note that it will try again."""
        _log.warn("retry", attempt=wait.attempt, seconds=wait.seconds, error=type(wait.error).__name__)


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


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
