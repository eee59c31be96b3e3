"""How much of the prompts one step reads."""

from __future__ import annotations

LONGEST_WAIT = 0.25
"""Seconds that a step takes at most, as far as it can be told: answers that are coming go on after it."""
LEAST = 32
"""Tokens of prompts that a step reads in any case: fewer at a time would cost more each."""

_TELLING = 16
"""A step of fewer tokens says little of what one more costs."""
_MEMORY = 0.7


class Pace:
    """Knows by experience how long tokens take here."""

    def __init__(self) -> None:
        self._seconds: float | None = None

    def note(self, tokens: int, seconds: float) -> None:
        """Learn that a step of *tokens* took *seconds*."""
        if tokens >= _TELLING:
            each = seconds / tokens
            self._seconds = each if self._seconds is None else self._seconds * _MEMORY + each * (1 - _MEMORY)

    def tokens(self, most: int, answering: int) -> int:
        """
        Return how many tokens of prompts the next step may read.

        Args:
            most: How many tokens a step takes.

            answering: How many answers go on with it, each by a token.
        """
        left = most - answering
        if not answering:
            return left
        if self._seconds is None:
            return min(left, LEAST)

        return min(left, max(LEAST, int(LONGEST_WAIT / self._seconds) - answering))
