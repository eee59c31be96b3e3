"""Watch a call, and tell those who observe it what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeAlias

from . import _log
from ._collector import Collector
from ._deadline import Deadline
from ._keys import Keys
from ._lineage import Lineage
from ._model import Model
from ._observer import End, Observer
from ._prepare import Prepared
from ._retry import CountedRetry, Retry, Wait
from ._types import Prompt, Response
from .provider import Provider

Observe: TypeAlias = "Callable[[Watch], Observer]"
"""Begins to observe a call."""


class Watch:
    """
    One call, from what was asked to what came of it.

    As a context it notes what fails within; :meth:`over` notes the answer. The
    collector of metrics hears of every call, the observers of those that they
    are asked to.

    Args:
        model: Who is asked.

        task: What.

        streamed: Whether the answer is taken as it comes.

        lineage: Who asks.

        collector: Adds up what calls take.

        retry: How long to keep trying.

        observers: What begins to observe the call.
    """

    def __init__(
        self,
        model: Model,
        task: Prompt,
        *,
        streamed: bool,
        lineage: Lineage,
        collector: Collector,
        retry: CountedRetry,
        observers: Iterable[Observe] = (),
    ) -> None:
        self.model = model
        self.task = task
        self.streamed = streamed
        self.lineage = lineage
        self.began = time.perf_counter()
        self.asked: Mapping[str, Any] = {}
        """The parameters, once they are checked."""
        self.prepared: Prepared | None = None
        """What is sent, once that is known."""
        self.provider: Provider | None = None
        """Whom it is sent by, once that is open."""
        self.retry: Retry = retry
        self._collector = collector
        self._error: BaseException | None = None
        self._is_over = False
        self._observers: list[Observer] = []
        for observe in observers:
            with _harmless(observe):
                self._observers.append(observe(self))
        if self._observers:
            self.retry = CountedRetry.like(retry, retry.again, self._again)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._ended(None, error)

    def deadline(self, seconds: float | None) -> Deadline:
        """Return the call's deadline, which the observers share: it is entered whenever the call works."""
        return _AtWork(seconds, self._observers, self.broke) if self._observers else Deadline(seconds)

    def broke(self, error: BaseException) -> None:
        """Note what a call that had begun to answer ends with; the first counts."""
        if self._error is None:
            self._error = error

    def over(self, response: Response) -> Response:
        """Note that the call has ended, and return *response*."""
        error, self._error = self._error, None
        self._ended(response, error)
        return response

    def content(self) -> Iterator[str]:
        """Yield the texts of what was asked: they are the caller's, and stand in no log unless asked for."""
        messages = () if self.prepared is None else self.prepared.request.messages
        yield from (message.text for message in messages)
        yield from _texts(self.task)
        yield from _texts(self.asked)

    def keys(self) -> Keys:
        """Return the keys that the call may show."""
        return self.lineage.keys(self.model, *([] if self.provider is None else [self.provider]))

    def _ended(self, response: Response | None, error: BaseException | None) -> None:
        if self._is_over:
            return

        self._is_over = True
        self._collector.over(self.model, response, error)
        if not self._observers:
            return

        timing = None if response is None else response.timing
        seconds = time.perf_counter() - self.began if timing is None else timing.total
        end = End(seconds=seconds, response=response, error=error)
        for observer in self._observers:
            with _harmless(observer):
                observer.over(end)

    def _again(self, wait: Wait) -> None:
        self._error = None  # It is made good, as it seems.
        for observer in self._observers:
            with _harmless(observer):
                observer.again(wait)


class _AtWork(Deadline):
    """A deadline within which observers hold what they hold while the call works."""

    def __init__(
        self, seconds: float | None, observers: Iterable[Observer], broke: Callable[[BaseException], None]
    ) -> None:
        super().__init__(seconds)
        self._observers = observers
        self._broke = broke

    @contextmanager
    def __call__(self) -> Generator[None]:
        with ExitStack() as stack:
            for observer in self._observers:
                with _harmless(observer):
                    stack.enter_context(observer.at_work())
            try:
                with super().__call__():
                    yield
            except BaseException as error:
                self._broke(error)
                raise


@contextmanager
def _harmless(observer: object) -> Generator[None]:
    """Log what *observer* raises: whoever looks on must not be why a call fails."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - an application's own exporter may stand behind it
        _log.warn("observer_failed", observer=_name(observer), error=type(error).__name__)


def _name(observer: object) -> str:
    """Return what an observer is called, or what was to begin one."""
    made: object = observer.func if isinstance(observer, partial) else observer
    return str(getattr(made, "__name__", type(made).__name__))


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in what a caller gave, of whatever shape."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():  # pyright: ignore[reportUnknownVariableType]
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _texts(each)
    elif isinstance(text := getattr(value, "text", None), str):
        yield text
