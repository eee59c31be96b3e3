"""Values that belong to one event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import anyio
from anyio.lowlevel import current_token

T = TypeVar("T")

CLOSING = 5.0
"""Seconds that whatever is open gets to close, also where the caller is cancelled meanwhile."""


class PerLoop(Generic[T]):
    """
    A value opened anew in each event loop that asks for it.

    SDK clients pool connections, and a pooled connection lives and dies with
    the loop that it was opened in.
    """

    def __init__(self, opening: Callable[[], Awaitable[T]]) -> None:
        self._opening = opening
        self._slots: WeakKeyDictionary[object, _Slot[T]] = WeakKeyDictionary()

    async def get(self) -> T:
        """Return this loop's value, opened on first use, once however many tasks ask."""
        slot = self._slots.get(_this_loop())
        if slot is None:
            slot = self._slots.setdefault(_this_loop(), _Slot())
        if slot.value is None:
            async with slot.lock:
                if slot.value is None:
                    slot.value = await self._opening()
        return slot.value

    async def pop(self) -> T | None:
        """Forget this loop's value and return it, if need be once it is open; None where there was none."""
        slot = self._slots.pop(_this_loop(), None)
        if slot is None:
            return None

        async with slot.lock:
            return slot.value


class _Slot(Generic[T]):
    """The place of one loop's value."""

    def __init__(self) -> None:
        self.lock = anyio.Lock()
        self.value: T | None = None


async def at_loop_end(aclose: Callable[[], Awaitable[None]]) -> AsyncGenerator[None]:
    """
    Await *aclose* when the running event loop ends, or when the returned object is closed.

    An event loop closes the asynchronous generators that are still open before
    it ends (PEP 525), on asyncio as on trio: a suspended one is a hook that needs
    no knowledge of either. Keep the returned object: it is what the loop closes.
    """
    hook = _suspended(aclose)
    await anext(hook)
    return hook


async def _suspended(aclose: Callable[[], Awaitable[None]]) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        # Trio closes generators in a cancelled scope, where nothing could be awaited.
        with anyio.move_on_after(CLOSING, shield=True):
            await aclose()


def _this_loop() -> object:
    return current_token().native_token
