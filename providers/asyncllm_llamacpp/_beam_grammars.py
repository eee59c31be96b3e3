"""Keep each of several beams within a grammar."""

from __future__ import annotations

import numpy as np

from ._beams import Step
from ._forks import carried
from ._grammar import Grammar
from ._scores import Fitting, Scores


class Grammars:
    """
    How far each beam has come in a grammar. Close it: llama.cpp holds memory for it.

    Args:
        grammar: The grammar, at its beginning; it is closed with the others.
    """

    def __init__(self, grammar: Grammar) -> None:
        self._each = [grammar]

    def fitting(self, logits: Scores) -> Fitting:
        """Return which tokens may follow on each beam, whose *logits* are in a row of their own."""
        fitting = np.zeros(logits.shape, np.bool_)
        for grammar, fits in zip(self._each, fitting, strict=True):
            fits[grammar.fitting()] = True
        return fitting

    def follow(self, step: Step) -> None:
        """Go on as the beams do, by tokens that fit."""
        self._each = carried(step.parents, self._each, fork=Grammar.fork, forget=Grammar.close)
        for grammar, token in zip(self._each, step.tokens, strict=True):
            grammar.accept(token)

    def close(self) -> None:
        for grammar in self._each:
            grammar.close()
