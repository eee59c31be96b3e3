"""Keep an answer within a grammar in llama.cpp's notation, GBNF."""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np

from asyncllm.errors import InvalidParameter, RequestRejected

from ._native import complaints, llama, quick
from ._scores import Candidates, lent

_accept = quick("llama_sampler_accept")

_LONGEST = 2**20
_DEEPEST = 200
"""How many brackets may be open at a time: llama.cpp's stack ends somewhere."""
_NO_BRACKETS = re.compile(r'(?s)"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*|[^()]')


class Grammar:
    """
    A grammar, and how far an answer has come in it. Close it: llama.cpp holds memory for it.

    Args:
        vocabulary: llama.cpp's handle of the model's vocabulary.

        text: The grammar; its rule ``root`` is the whole answer.

    Raises:
        InvalidParameter: It is no grammar.
    """

    def __init__(self, vocabulary: int, text: str) -> None:
        _check(text)
        complaints()
        self._link: Any = llama.llama_sampler_init_grammar(vocabulary, text.encode(), b"root")
        if not self._link:
            raise InvalidParameter(f"llama.cpp does not accept the grammar: {complaints()}")

    def fitting(self, candidates: Candidates) -> Candidates:
        """Return those of *candidates* that fit: what is not among them can in no way be drawn."""
        llama.llama_sampler_apply(self._link, lent(candidates))
        return candidates[candidates["logit"] > -np.inf]

    def accept(self, token: int) -> None:
        """Go on by *token*. It has to be one that fits: llama.cpp ends the process over another."""
        _accept(self._link, token)

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


def _check(text: str) -> None:
    """Look for what llama.cpp takes for no grammar at all, or ends the process over."""
    if not text.strip() or "\0" in text or len(text) > _LONGEST:
        raise InvalidParameter(f"a grammar takes up to {_LONGEST} letters, none of them a zero byte")

    deepest = open_now = 0
    for bracket in _NO_BRACKETS.sub("", text):
        open_now += 1 if bracket == "(" else -1
        deepest = max(deepest, open_now)
    if deepest > _DEEPEST:
        raise InvalidParameter(f"the grammar has brackets within brackets, {deepest} deep")
