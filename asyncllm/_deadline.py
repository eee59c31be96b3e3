"""The time by which a call has to be over."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager

import anyio

from .errors import TimedOut


class Deadline:
    """
    The end of *seconds* that have just begun; None is no end.

    A call enters it for as long as it works, and leaves it while its caller does::

        with deadline():
            ...
    """

    def __init__(
        self, seconds: float | None, over: str = "the call was not over within timeout={:g} seconds"
    ) -> None:
        self._seconds = seconds
        self._over = over
        self.end = math.inf if seconds is None else anyio.current_time() + seconds
        """When that is, by :func:`anyio.current_time`."""
        self._held_by = ""

    def held_by(self, what: str) -> None:
        """Note what the call waited for when it was broken off, so that the error says it."""
        self._held_by = what

    @contextmanager
    def __call__(self) -> Generator[None]:
        """
        Break off what is within at the deadline.

        Raises:
            TimedOut: It was broken off.
        """
        if self._seconds is None:
            yield
            return

        with anyio.CancelScope(deadline=self.end) as scope:
            yield
        if scope.cancelled_caught:
            why = f": it waited for {self._held_by}" if self._held_by else ""
            raise TimedOut(self._over.format(self._seconds) + why)
