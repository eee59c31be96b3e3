"""Keep an answer within a grammar in llama.cpp's notation, GBNF."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncllm.errors import InvalidParameter, RequestRejected

from ._native import complaints, llama, quick
from ._recursion import check
from ._scores import candidates, lent
from ._vocabulary import Vocabulary

_accept = quick("llama_sampler_accept")

Tokens = NDArray[np.intp]


class Grammar:
    """
    A grammar, and how far an answer has come in it. Close it: llama.cpp holds memory for it.

    Args:
        vocabulary: The model's.

        text: The grammar; its rule ``root`` is the whole answer.

    Raises:
        InvalidParameter: It is no grammar, or none that llama.cpp comes to an end with.
    """

    def __init__(self, vocabulary: Vocabulary, text: str) -> None:
        check(text)
        complaints()
        self._link: Any = llama.llama_sampler_init_grammar(vocabulary.handle, text.encode(), b"root")
        if not self._link:
            raise InvalidParameter(f"llama.cpp does not accept the grammar: {complaints()}")

        self._letters = vocabulary.letters
        # A grammar may name tokens, as in <[7]>: these fit whatever they begin with.
        self._goes_by_letters = "<" not in text
        self._is_between_letters = True

    def fitting(self) -> Tokens:
        """Return all tokens that fit."""
        if not (self._goes_by_letters and self._is_between_letters):
            return self.fitting_of(np.arange(len(self._letters.first)))

        # Where a letter does not fit, nothing that begins with it does: that leaves few to look at.
        alone = self._letters.alone
        refused = np.setdiff1d(alone, self.fitting_of(alone), assume_unique=True)
        return self.fitting_of(self._letters.without(refused))

    def fitting_of(self, tokens: Tokens) -> Tokens:
        """Return those of *tokens* that fit, in their order."""
        every = candidates(tokens, np.float32(0))
        llama.llama_sampler_apply(self._link, lent(every))
        fitting: Tokens = tokens[every["logit"] == 0]
        return fitting

    def accept(self, token: int) -> None:
        """Go on by *token*. It has to be one that fits: llama.cpp ends the process over another."""
        _accept(self._link, token)
        self._is_between_letters = bool(self._letters.is_whole[token])

    def fork(self) -> Grammar:
        """Return another one that has come as far; it is to be closed too."""
        twin = copy.copy(self)
        twin._link = llama.llama_sampler_clone(self._link)  # noqa: SLF001  one of its own kind
        return twin

    def close(self) -> None:
        llama.llama_sampler_free(self._link)


def nothing_fits() -> RequestRejected:
    """Return the error of an answer that cannot go on."""
    return RequestRejected("the grammar came to a point where no token of the model's fits")
