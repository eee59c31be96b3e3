"""How far a batch has come, shown to people: moving on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import importlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from asyncllm._prices import price_list
from asyncllm.errors import ConfigurationError

from ._progress import Progress

SELDOM = 10.0
"""Seconds from line to line, where nobody looks."""
WIDTH = 40
"""Of the bar, in letters."""
UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


class Display(ABC):
    """What shows how far a batch has come."""

    def load(self) -> None:
        """Load what takes long; it may be called in another thread."""
        with suppress(ConfigurationError):  # Then costs are not shown.
            price_list()

    @abstractmethod
    def __call__(self, progress: Progress) -> None:
        """Show it."""

    @abstractmethod
    def end(self, progress: Progress) -> None:
        """Show it for the last time."""


class Moving(Display):
    """A bar and a line, which change in their place."""

    def __init__(self, console: Any) -> None:
        # What goes to standard output is the caller's, and perhaps in a pipe.
        live: Any = importlib.import_module("rich.live").Live
        self._live = live(console=console, auto_refresh=False, redirect_stdout=False)
        self._bar = importlib.import_module("rich.progress_bar").ProgressBar
        self._grid = importlib.import_module("rich.table").Table.grid
        self._text = importlib.import_module("rich.text").Text

    def __call__(self, progress: Progress) -> None:
        if not self._live.is_started:
            self._live.start()
        self._live.update(self._drawn(progress), refresh=True)

    def end(self, progress: Progress) -> None:
        try:
            self(progress)
        finally:
            self._live.stop()

    def _drawn(self, progress: Progress) -> Any:
        grid = self._grid()
        if progress.total:
            grid.add_row(self._bar(total=progress.total, completed=progress.ended, width=WIDTH))
        grid.add_row(self._text(told(progress), no_wrap=True, overflow="ellipsis"))
        return grid


class Seldom(Display):
    """A line every few seconds, and one at the end."""

    def __init__(self) -> None:
        self._next = SELDOM

    def __call__(self, progress: Progress) -> None:
        if progress.seconds >= self._next:
            self._next = progress.seconds + SELDOM
            self.end(progress)

    def end(self, progress: Progress) -> None:
        sys.stderr.write(told(progress) + "\n")
        sys.stderr.flush()


def display() -> Display:
    """
    Return what shows to people how far a batch has come, on standard error.

    Raises:
        ConfigurationError: rich is not installed.
    """
    try:
        console: Any = importlib.import_module("rich.console").Console(stderr=True)
    except ImportError as exc:
        raise ConfigurationError(
            "progress=True needs rich: pip install 'asyncllm-framework[cli]'; or give it a function"
        ) from exc
    return Moving(console) if console.is_terminal or console.is_jupyter else Seldom()


def told(progress: Progress) -> str:
    """Return how far it has come, in a line."""
    return " · ".join(_parts(progress))


def _parts(progress: Progress) -> Iterator[str]:
    of = "" if progress.total is None else f" of {progress.total:,}"
    yield f"{progress.done:,}{of} done"
    if progress.restored:
        yield f"{progress.restored:,} from the journal"
    if progress.failed:
        yield f"{progress.failed:,} failed"
    if progress.running:
        yield f"{progress.running:,} in flight"
    if progress.waiting:
        yield f"{progress.waiting:,} waiting for the limits"
    yield f"{progress.per_second:,.1f} requests/s"
    if progress.metrics.usage.output_tokens:
        yield f"{progress.tokens_per_second:,.0f} tokens/s"
    with suppress(ConfigurationError):
        if (cost := progress.metrics.cost()).calls:
            yield str(cost)
    left = progress.seconds_left
    if left is None or not progress.running:
        yield _time(progress.seconds)
    else:
        yield f"{_time(left)} left"


def _time(seconds: float) -> str:
    """Return a time in its two largest units."""
    rest, words = round(seconds), list[str]()
    for name, size in UNITS:
        count, rest = divmod(rest, size)
        if count or (words and len(words) < 2):
            words.append(f"{count} {name}")
    return " ".join(words[:2]) or "0 s"
