"""What the tokens of a vocabulary begin and end with, as llama.cpp's grammars see them."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._native import quick

_piece = quick("llama_token_to_piece")
_ends = quick("llama_vocab_is_eog")

_ASCII = 0x80
_NO_LETTER = _ASCII
_ROOM = 256


@dataclass(frozen=True, slots=True)
class Letters:
    """Letters here are those of ASCII."""

    first: NDArray[np.intp]
    """The letter that each token begins with; a number above all letters where it is none, or an end."""
    alone: NDArray[np.intp]
    """A token for each letter that has one of its own."""
    is_whole: NDArray[np.bool_]
    """Whether each token ends with a letter, and so in no half of one."""

    @classmethod
    def of(cls, vocabulary: int, size: int) -> Letters:
        """Return those of llama.cpp's *vocabulary* with *size* tokens."""
        first = np.full(size, _NO_LETTER, np.intp)
        is_whole = np.zeros(size, np.bool_)
        alone: dict[int, int] = {}
        room = ctypes.create_string_buffer(_ROOM)
        for token in range(size):
            length = _piece(vocabulary, token, room, _ROOM, 0, True)
            if length <= 0 or _ends(vocabulary, token):
                continue
            piece = room.raw[:length]
            is_whole[token] = piece[-1] < _ASCII
            if piece[0] < _ASCII:
                first[token] = piece[0]
                if length == 1:
                    alone.setdefault(piece[0], token)
        return cls(first, np.array([*alone.values()], np.intp), is_whole)

    def without(self, refused: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the tokens that begin with none of the letters that the tokens *refused* are."""
        is_left = np.ones(_NO_LETTER + 1, np.bool_)
        is_left[self.first[refused]] = False
        return np.flatnonzero(is_left[self.first])
