"""
From any thread to a task on any event loop.

The one room that knows which event loops there are: asyncio and trio each have
a function that any thread may call and that never waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import anyio
from anyio.lowlevel import checkpoint, current_token

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Takes things in from any thread, for the event loop in which it was made."""

    def __init__(self) -> None:
        loop: Any = current_token().native_token
        # asyncio's loop has the first, trio's token the second.
        self._soon: Callable[[Callable[[], None]], object] = (
            getattr(loop, "call_soon_threadsafe", None) or loop.run_sync_soon
        )
        self._things: deque[T] = deque()
        self._arrived = anyio.Event()
        self._event = type(self._arrived)
        """This loop's own kind of event: ``anyio.Event`` looks anew, each time, which loop runs."""

    def put(self, thing: T) -> bool:
        """Put *thing* in, without ever waiting; return whether there still is a loop to take it out."""
        self._things.append(thing)
        try:
            self._soon(self._wake)
        except RuntimeError:  # What both loops raise once they have ended.
            return False

        return True

    async def get(self) -> T:
        """Wait for the next thing and take it out."""
        if self._things:
            await checkpoint()  # Waiting is one; without, a full mailbox would never let others run.
        while not self._things:
            self._arrived = self._event()
            await self._arrived.wait()
        return self._things.popleft()

    def _wake(self) -> None:
        # Runs in the loop, so never between the two lines in which get() decides to wait.
        self._arrived.set()
