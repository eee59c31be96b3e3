"""A run of tokens that the model reads one after another: a prompt, and the answer as it grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Tokens: TypeAlias = NDArray[np.int32]

_NONE: Tokens = np.empty(0, np.int32)


class Strand:
    """
    Tokens of which the first :attr:`read` are in the model's memory, and the rest are yet to be read.

    Only :class:`~._memory.Memory` changes what is read.
    """

    def __init__(self, tokens: Sequence[int] | Tokens) -> None:
        self._tokens: Tokens = np.array(tokens, np.int32)
        self.count = len(self._tokens)
        """How many tokens there are."""
        self.read = 0
        """How many of them the model has read."""
        self.sequence: int | None = None
        """Its number in llama.cpp's memory; None while it has no place there."""
        self.cells = _NONE
        """The cells of the memory that hold it, for our accounts; one for each token that was read."""

    @property
    def tokens(self) -> Tokens:
        """All tokens."""
        return self._tokens[: self.count]

    @property
    def unread(self) -> int:
        """How many tokens are yet to be read."""
        return self.count - self.read

    def add(self, token: int) -> None:
        """Let *token* follow."""
        if self.count == len(self._tokens):
            self._tokens = np.concatenate([self._tokens, np.zeros(self.count + 64, np.int32)])
        self._tokens[self.count] = token
        self.count += 1

    def forget(self) -> None:
        """Note that nothing is in the memory any more."""
        self.read, self.sequence, self.cells = 0, None, _NONE

    def keep_read(self) -> None:
        """Drop the tokens that are yet to be read."""
        self.count = self.read


def common(one: Strand, other: Strand, *, ahead: bool = False) -> int:
    """
    Return how many tokens of *one* are those with which *other* begins.

    Args:
        one: The one.

        other: The other; what it has read counts.

        ahead: Count what *other* is yet to read, too.
    """
    count = min(one.count, other.count if ahead else other.read)
    if not count or one.tokens[0] != other.tokens[0]:
        return 0

    differ = one.tokens[:count] != other.tokens[:count]
    first = int(differ.argmax())
    return first if differ[first] else count
