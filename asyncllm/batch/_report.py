"""Telling how far a batch has come, while it goes on."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeAlias, cast

import anyio
from anyio.to_thread import run_sync

from asyncllm._log import warn
from asyncllm.errors import InvalidParameter

from ._progress import Progress

Tell: TypeAlias = Callable[[Progress], object]
"""Is told how far a batch has come."""

EVERY = 0.25
"""Seconds from one time to the next."""


class Report:
    """
    Tells how far a batch has come, now and then and when it has ended, as a context around it.

    Args:
        tell: What is called; True shows it to people, and False is nobody.

        progress: Returns how far it has come.

    Raises:
        InvalidParameter: *tell* is none of these.
        ConfigurationError: What shows it is not installed.
    """

    def __init__(self, tell: Tell | bool, progress: Callable[[], Progress]) -> None:
        if not isinstance(tell, bool) and (
            not callable(cast("Any", tell)) or inspect.iscoroutinefunction(tell)
        ):
            raise InvalidParameter(
                f"progress takes True, False, or a function that is called with a Progress; got {tell!r}"
            )
        self._progress = progress
        self._display = None
        self._tell: Tell | None = None if isinstance(tell, bool) else tell
        if tell is True:
            from ._display import display  # noqa: PLC0415 - it loads rich

            self._display = self._tell = display()

    async def run(self) -> None:
        """Tell until it is cancelled."""
        if self._tell is None:
            return

        if self._display is not None:
            await run_sync(self._display.load)
        while True:
            self._say(self._tell)
            await anyio.sleep(EVERY)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._display is not None:
            self._say(self._display.end)
        elif self._tell is not None:
            self._say(self._tell)

    def _say(self, tell: Tell) -> None:
        try:
            tell(self._progress())
        except Exception as exc:  # noqa: BLE001 - who watches does not end what he watches
            warn("what was to be told of a batch's progress failed", error=repr(exc))
