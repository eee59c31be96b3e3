"""The tokens that llama.cpp reads in one step."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._native import llama
from ._strand import Tokens


class Batch:
    """
    Rows for one step, each a token at its position in a sequence.

    Args:
        room: How many rows there may be.

        sequences: How many sequences there are.

        vocabulary_size: How many tokens there are.
    """

    def __init__(self, *, room: int, sequences: int, vocabulary_size: int) -> None:
        self.room = room
        self._limits = sequences, vocabulary_size
        self._token, self._position, self._sequence = (np.zeros(room, np.int32) for _ in range(3))
        self._ones = np.ones(room, np.int32)
        self._is_heard = np.zeros(room, np.int8)
        # llama.cpp takes a list of sequences for each token, by its address.
        each = self._sequence.ctypes.data + np.arange(room, dtype=np.uintp) * self._sequence.itemsize
        self._sequences = each.astype(np.uintp)
        fields = dict(llama.llama_batch._fields_)
        at: dict[str, NDArray[Any]] = {
            "token": self._token,
            "pos": self._position,
            "n_seq_id": self._ones,
            "seq_id": self._sequences,
            "logits": self._is_heard,
        }
        given = {name: ctypes.cast(array.ctypes.data, fields[name]) for name, array in at.items()}
        self.native: Any = llama.llama_batch(n_tokens=0, **given)
        """As llama.cpp takes it."""

    @property
    def count(self) -> int:
        """How many rows there are."""
        count: int = self.native.n_tokens
        return count

    def clear(self) -> None:
        self.native.n_tokens = 0

    def add(self, tokens: Tokens, *, at: int, sequence: int, is_heard: bool) -> int:
        """
        Add *tokens* of a sequence, from position *at* on; return the last one's row.

        Args:
            tokens: The tokens.

            at: How many of the sequence were read before.

            sequence: The sequence's number.

            is_heard: Whether the scores that follow on the last one are wanted.
        """
        begin, end = self.count, self.count + len(tokens)
        sequences, vocabulary_size = self._limits
        # llama.cpp ends the process where one of these does not hold.
        assert begin < end <= self.room
        assert 0 <= sequence < sequences
        assert at >= 0
        assert ((tokens >= 0) & (tokens < vocabulary_size)).all()
        self._token[begin:end] = tokens
        self._position[begin:end] = np.arange(at, at + len(tokens))
        self._sequence[begin:end] = sequence
        self._is_heard[begin:end] = 0
        self._is_heard[end - 1] = is_heard
        self.native.n_tokens = end
        return end - 1
