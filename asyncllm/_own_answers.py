"""Measure what a class answers by itself, as calls of a model are measured."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self

from ._collector import Collector
from ._metrics import Metrics
from ._nowhere import estimated_text
from ._rates import Rate
from ._spread import Spread


class OwnAnswer:
    """
    One call of a method that a class wrote itself, as a context that tells the collector of it.

    What the class asks of the model is counted where that is done: then this adds nothing.
    Nor does a call within another one of the same object, such as of ``super().run()``.
    """

    def __init__(self, llm: Any) -> None:
        self._llm = llm
        self._outer = _CURRENT.get()
        self._token: Token[OwnAnswer | None] | None = None
        self._is_over = False
        self._has_asked = False
        self._answer: object = None
        self._began = time.perf_counter()

    def answered(self, answer: Any) -> Any:
        """Note the answer, and return it."""
        self._answer = answer
        return answer

    @staticmethod
    def asks(llm: object) -> None:
        """Note that *llm* asks its model, if it is answering by itself."""
        current = _of(llm, _CURRENT.get())
        if current is not None:
            current._has_asked = True  # noqa: SLF001 - of this class

    def __enter__(self) -> Self:
        if _of(self._llm, self._outer) is None:
            self._token = _CURRENT.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is None:
            return

        self._is_over = True
        if kind is not GeneratorExit:  # A coroutine that is dropped: the context that it ran in is gone.
            _CURRENT.reset(self._token)
        if self._has_asked:
            return

        collector: Collector = self._llm._llm_collector  # noqa: SLF001 - the LLM's own business
        if error is not None:
            collector.failed(error)
        else:
            collector.add(_metrics(self._answer, time.perf_counter() - self._began))

    @property
    def outer(self) -> OwnAnswer | None:
        """The call that this one is within."""
        return self._outer

    def is_under_way(self, llm: object) -> bool:
        """Say whether this is a call of *llm*'s that has not ended."""
        return self._llm is llm and not self._is_over


def measured(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return *method* so that each call of it is measured."""

    @functools.wraps(method)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        with OwnAnswer(self) as own:
            return own.answered(method(self, *args, **kwargs))

    return call


def measured_async(
    method: Callable[..., Coroutine[Any, Any, Any]],
) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Return the asynchronous *method* so that each call of it is measured."""

    @functools.wraps(method)
    async def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        with OwnAnswer(self) as own:
            return own.answered(await method(self, *args, **kwargs))

    return call


def measure(cls: type, blocking: str, source: str) -> None:
    """Let the two methods be measured, where *cls* has them of its own."""
    for name, wrap in ((blocking, measured), (source, measured_async)):
        method = vars(cls).get(name)
        if inspect.isfunction(method) and not _is_twin(method):
            setattr(cls, name, wrap(method))


def _is_twin(method: Callable[..., Any]) -> bool:
    """Say whether *method* only runs an asynchronous one, with which it is measured."""
    is_async = inspect.iscoroutinefunction(method)
    return not is_async and inspect.iscoroutinefunction(getattr(method, "__wrapped__", None))


def _of(llm: object, current: OwnAnswer | None) -> OwnAnswer | None:
    """Return the call of *llm*'s that *current* is, or is within."""
    while current is not None and not current.is_under_way(llm):
        current = current.outer
    return current


def _metrics(answer: object, seconds: float) -> Metrics:
    tokens = estimated_text(answer).tokens if isinstance(answer, str) else 0
    estimate = Rate(tokens=tokens, seconds=seconds) if tokens else Rate()
    return Metrics(calls=1, uncounted=1, times=Spread.of(seconds), estimate=estimate)


_CURRENT: ContextVar[OwnAnswer | None] = ContextVar("_CURRENT", default=None)
"""The innermost call that a class answers by itself."""
