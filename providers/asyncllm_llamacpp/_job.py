"""A call on its way through the engine and back."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator

import anyio

from asyncllm.provider import Delta, Mailbox, Request

from ._interrupt import Interrupt

PATIENCE = 2.0
"""Seconds that leaving a call waits for the engine to let go of it."""


class Job(AsyncIterator[Delta]):
    """
    A call: the engine works on it in its thread, the caller iterates over its answer.

    Args:
        request: What is asked.

        only_count: Answer with the usage of the prompt, and nothing else.
    """

    may_be_refused: bool = True
    """Whether it is turned away where too many wait; one that only counts never is."""

    def __init__(self, request: Request, *, only_count: bool = False) -> None:
        self.request = request
        self.only_count = only_count
        self.submitted = time.perf_counter()
        """When the call was made."""
        self.interrupt = Interrupt()
        """Set once nobody waits for the answer any more, or nobody works on it."""
        self._mailbox: Mailbox[Delta | Exception | None] = Mailbox()
        self._turn = threading.Lock()
        self._is_over = False

    def begin(self) -> bool:
        """Return True to just one who asks: who works on the job, or drops it before its turn."""
        return self._turn.acquire(blocking=False)

    def send(self, delta: Delta) -> None:
        """Give the caller the next part of the answer."""
        if not self._mailbox.put(delta):
            self.interrupt.set()  # The caller's event loop is gone.

    def fail(self, error: Exception) -> None:
        """Let the caller's next step raise *error*."""
        self._mailbox.put(error)

    def end(self) -> None:
        """Tell the caller that nothing comes any more."""
        self._mailbox.put(None)

    def drop(self, error: Exception) -> None:
        """Let the call fail with *error*, if nobody has begun with it and it still waits."""
        if self.begin():
            self.fail(error)
            self.end()

    async def __anext__(self) -> Delta:
        if self._is_over:
            raise StopAsyncIteration
        thing = await self._mailbox.get()
        if isinstance(thing, Delta):
            return thing

        self._is_over = thing is None
        raise StopAsyncIteration if thing is None else thing

    async def leave(self) -> None:
        """Call the job off if it is still under way, and wait until the engine has let go of it."""
        self.interrupt.set()
        if self.begin():  # Its turn had not come.
            return

        with anyio.move_on_after(PATIENCE, shield=True):
            while not self._is_over:
                self._is_over = await self._mailbox.get() is None
