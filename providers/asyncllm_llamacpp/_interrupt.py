"""Switches that make llama.cpp stop computing."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Any

from ._native import libc, llama


class Brake:
    """
    Makes llama.cpp stop within one node of its graph, once it is pulled.

    llama.cpp asks its abort callback before each node. The callback here is C's
    own ``strlen``, of a text that is empty until the brake is pulled: one in Python
    would need the GIL a thousand times a step.
    """

    callback: Any = llama.ggml_abort_callback(ctypes.cast(libc.strlen, ctypes.c_void_p).value)

    def __init__(self, interrupts: Iterable[Interrupt] = ()) -> None:
        self._text = ctypes.create_string_buffer(2)
        self.address = ctypes.addressof(self._text)
        """What the callback is called with; good for as long as this object lives."""
        self._interrupts = tuple(interrupts)
        for interrupt in self._interrupts:
            interrupt.brake = self
        self.check()

    def pull(self) -> None:
        self._text[0] = b"!"

    @property
    def is_pulled(self) -> bool:
        return self._text[0] != b"\0"

    def check(self) -> None:
        """Pull where all that take part are called off: what they share serves nobody any more."""
        if self._interrupts and all(interrupt.is_set for interrupt in self._interrupts):
            self.pull()


class Interrupt:
    """Calls one call off; any thread may set it, and none waits."""

    def __init__(self) -> None:
        self.is_set = False
        self.brake: Brake | None = None
        """What to look at once this is set: the brake of the step that the call takes part in."""

    def set(self) -> None:
        self.is_set = True
        # In this order, and a brake in the other: whoever comes last sees all.
        if (brake := self.brake) is not None:
            brake.check()
