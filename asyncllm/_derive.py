"""
Derive the half of a pair of methods that a subclass leaves out.

Each class that defines one half gets the other beside it, and each half calls
its own class's other one. So ``super().run()`` is what it is anywhere: the
method of the class above, and nothing turns in a circle.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread
from anyio.from_thread import BlockingPortal

from ._own_answers import measure
from ._sync import hosted, synchronous, upwards

R = TypeVar("R")

PAIRS: Mapping[str, str] = {
    "run":              "arun",
    "generate":         "agenerate",
    "batch_run":        "abatch_run",
    "chat":             "achat",
    "generate_summary": "agenerate_summary",
}  # fmt: skip
"""Each blocking method, and the asynchronous one beside it."""


class Derived:
    """What gives a subclass the other half of a pair."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for blocking, source in PAIRS.items():
            _pair(cls, blocking, source)
        if Derived not in cls.__bases__:  # That is the LLM, which asks a model.
            measure(cls, "run", "arun")


def _pair(cls: type, blocking: str, source: str) -> None:
    """Derive whichever of the two comes from further up than the other."""
    places = [_place(cls, name) for name in (blocking, source)]
    if places[0] < places[1]:
        setattr(cls, source, _threaded(cls, blocking, source))
        if blocking not in vars(cls):
            setattr(cls, blocking, _passed_on(cls, blocking))
    elif places[1] < places[0] and inspect.isfunction(method := getattr(cls, source)):
        setattr(cls, blocking, synchronous(_named(method, source)))


def _place(cls: type, name: str) -> int:
    """Return how far up a method is defined."""
    return next((place for place, base in enumerate(cls.__mro__) if name in vars(base)), len(cls.__mro__))


def _threaded(cls: type, blocking: str, source: str) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Return the asynchronous half of *cls*'s *blocking* method."""
    overridden = getattr(cls, blocking)
    if inspect.iscoroutinefunction(overridden) or inspect.isasyncgenfunction(overridden):
        raise TypeError(f"{cls.__name__}.{blocking} is asynchronous: call it {source}")

    @functools.wraps(overridden)
    async def threaded(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return await in_thread(functools.partial(upwards(self, cls, blocking), *args, **kwargs))

    threaded.__name__ = source
    threaded.__qualname__ = f"{cls.__qualname__}.{source}"
    threaded.__doc__ = f"Like :meth:`{blocking}`, in a thread of its own."
    return threaded


def _passed_on(cls: type, name: str) -> Callable[..., Any]:
    """Return a method that does what the classes above *cls* do."""

    @functools.wraps(getattr(cls, name))
    def passed_on(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        mro = type(self).__mro__
        return upwards(self, mro[mro.index(cls) + 1], name)(*args, **kwargs)

    return passed_on


def _named(method: Callable[..., Any], name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Return *method* under *name*: what a decorator returns may be called otherwise."""

    @functools.wraps(method)
    async def named(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return await method(self, *args, **kwargs)

    named.__name__ = name
    return named


async def in_thread(call: Callable[[], R]) -> R:
    """
    Return what the blocking *call* returns, in a thread of its own.

    It never waits for a thread: the one that it would wait for may be waiting for
    this call. How many there are is decided where calls are made (``max_concurrency``).

    Whoever is cancelled goes at once. Python cannot stop the thread: it runs to its
    end, and nobody hears of it. But what it asked of an LLM is cancelled with the
    caller, since the LLM's blocking methods run in the caller's event loop there.
    """
    results: list[R] = []
    errors: list[BaseException] = []
    async with BlockingPortal() as portal:
        try:
            results.append(
                await to_thread.run_sync(
                    _inside, portal, call, abandon_on_cancel=True, limiter=CapacityLimiter(1)
                )
            )
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as exc:  # noqa: BLE001  # raised below, out of the portal's group
            errors.append(exc)
        await portal.stop(cancel_remaining=True)
    if errors:
        raise errors[0]

    return results[0]


def _inside(portal: BlockingPortal, call: Callable[[], R]) -> R:
    with hosted(portal):
        return call()
