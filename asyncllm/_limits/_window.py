"""How many requests a server bears at a time: found by asking for more until it says no."""

from __future__ import annotations

START = 32
"""So many requests may be under way at first: where a server refuses them, no more than these are wasted."""
SHRINK = 0.7
"""What is left of the window once the server is overloaded."""
GROWTH = 0.05
"""By this share it grows in the time that a request takes, and by one request at least."""


class Window:
    """
    How many requests may be under way, by additive increase and multiplicative decrease.

    It doubles whenever as many were answered as it is wide, until the server is
    overloaded for the first time, and from then on grows slowly. It never grows where
    nobody needs it, and shrinks once for all the requests that were under way when the
    server was overloaded.
    """

    def __init__(self) -> None:
        self.size: float = START
        self._answers = 0
        self._shrunk_at: float | None = None

    @property
    def is_pristine(self) -> bool:
        """Whether the server never was overloaded."""
        return self._shrunk_at is None

    def open_to(self, size: float) -> None:
        """Begin with *size*, if nothing is known of the server yet."""
        if self.is_pristine:
            self.size = max(self.size, size)

    def answered(self, running: int) -> None:
        """Take note of an answer that came while *running* requests were under way."""
        if running * 2 < self.size:
            return
        if self._shrunk_at is not None:
            self.size += max(1.0, GROWTH * self.size) / self.size
            return

        # Not with each answer: were the server to refuse the rest of them, more would have been sent by then.
        self._answers += 1
        if self._answers >= self.size:
            self.size, self._answers = 2 * self.size, 0

    def overloaded(self, sent_at: float, running: int, now: float) -> None:
        """Take note that a request was too much for the server: *running* were under way."""
        if self._shrunk_at is not None and sent_at <= self._shrunk_at:
            return  # What followed from this is known.
        self.size = max(1.0, SHRINK * min(self.size, running))
        self._shrunk_at = now
