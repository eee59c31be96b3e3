"""Values that belong to one event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import anyio
from anyio.lowlevel import current_token

T = TypeVar("T")

CLOSING = 5.0
"""Seconds that whatever is open gets to close, also where the caller is cancelled meanwhile."""


class PerLoop(Generic[T]):
    """
    A value opened anew in each event loop that asks for it, and closed when its last user has left.

    SDK clients pool connections, and a pooled connection lives and dies with
    the loop that it was opened in.

    Args:
        opening: Opens a value, once however many tasks ask.

        closing: Closes it.

        keep: Whether it stays open, unused, until :meth:`aclose`.
    """

    def __init__(
        self,
        opening: Callable[[], Awaitable[T]],
        closing: Callable[[T], Awaitable[None]],
        *,
        keep: bool = False,
    ) -> None:
        self._opening = opening
        self._closing = closing
        self._keep = keep
        self._leases: WeakKeyDictionary[object, _Lease[T]] = WeakKeyDictionary()

    async def take(self) -> T:
        """Return this loop's value; :meth:`give_back` ends the use of it."""
        lease = await self._taken()
        return lease.value

    async def give_back(self) -> None:
        """End one use of this loop's value."""
        if (lease := self._leases.get(_this_loop())) is not None:
            await self._left(lease)

    @asynccontextmanager
    async def use(self) -> AsyncGenerator[T]:
        """Use this loop's value; where it is closed meanwhile, the last to use it closes it."""
        lease = await self._taken()
        try:
            yield lease.value
        finally:
            await self._left(lease)

    async def aclose(self) -> None:
        """Forget this loop's value and close it, at once or when its last user has left."""
        lease = self._leases.pop(_this_loop(), None)
        if lease is not None:
            lease.users += 1
            lease.is_kept = False
            await self._left(lease)

    @property
    def opened(self) -> list[T]:
        """The values that are open now, in any event loop; any thread may look."""
        # A loop that begins or ends meanwhile must not get in the way: no iteration over what may change.
        loops = [loop for ref in self._leases.keyrefs() if (loop := ref()) is not None]
        leases = [lease for loop in loops if (lease := self._leases.get(loop)) is not None]
        return [lease.value for lease in leases if lease.is_open]

    @property
    def is_held(self) -> bool:
        """Whether any event loop may hold a value."""
        return len(self._leases) > 0

    def keep_none(self) -> None:
        """Keep no value from now on: the last user closes it. One without users waits for :meth:`aclose`."""
        self._keep = False

    async def _taken(self) -> _Lease[T]:
        lease = self._leases.get(_this_loop())
        if lease is None:
            lease = self._leases.setdefault(_this_loop(), _Lease(is_kept=self._keep))
        lease.users += 1  # Before anything is awaited: from here on nobody closes it under us.
        if not lease.is_open:
            try:
                await self._open(lease)
            except BaseException:
                await self._left(lease)
                raise
        return lease

    async def _open(self, lease: _Lease[T]) -> None:
        async with lease.lock:
            if not lease.is_open:
                lease.value = await self._opening()
                lease.is_open = True

    async def _left(self, lease: _Lease[T]) -> None:
        lease.users -= 1
        if lease.users or (self._keep and lease.is_kept):
            return

        if self._leases.get(_this_loop()) is lease:
            del self._leases[_this_loop()]
        if lease.is_open:
            lease.is_open = False
            with anyio.move_on_after(CLOSING, shield=True):
                await self._closing(lease.value)


class _Lease(Generic[T]):
    """One loop's value, and how many use it."""

    value: T

    def __init__(self, *, is_kept: bool) -> None:
        self.lock = anyio.Lock()
        self.users = 0
        self.is_open = False
        self.is_kept = is_kept


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
