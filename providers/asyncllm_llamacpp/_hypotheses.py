"""What a beam search looks for, and the answers that it has found so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from asyncllm.provider import FinishReason

from ._scores import Likelihood

Tokens: TypeAlias = list[int]
EarlyStopping: TypeAlias = bool | Literal["never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for."""

    beams: int
    """How many beams go on at a time."""
    returned: int = 1
    """How many answers there are to be; at most as many as beams."""
    max_tokens: int
    """How many tokens an answer may take."""
    ends: frozenset[int] = frozenset()
    """Tokens that end an answer. How many there are has a say in how many continuations are looked at."""
    length_penalty: float = 1.0
    """The power of an answer's length by which its score is divided: above 0 prefers long answers."""
    early_stopping: EarlyStopping = False
    """
    When to stop, with as many answers as beams: at once (True), when none that goes on is better so far
    (False), or when none can become better (``"never"``).
    """
    logprobs: int | None = None
    """How many of the likeliest tokens are told in each token's place; None tells nothing."""
    stops: Callable[[Sequence[int]], bool] | None = None
    """Whether an answer ends with its last token, for another reason than that token by itself."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """An answer, with the token that ends it."""

    tokens: Tokens
    score: float
    """Its log probability, divided by its length to the power of the length penalty."""
    reason: FinishReason
    likelihoods: tuple[Likelihood, ...] = ()
    """
    How likely each token was, where that was asked for: after all that the parameters
    changed, so that together they are the score before the length penalty.
    """


class Hypotheses:
    """
    The best answers found so far, at most as many as beams.

    Args:
        search: What is looked for.
    """

    def __init__(self, search: Search) -> None:
        self._search = search
        self._found: list[Hypothesis] = []
        """The best first."""

    @property
    def best(self) -> list[Hypothesis]:
        """Those that are to be returned, the best first."""
        return self._found[: self._search.returned]

    def add(
        self, tokens: Tokens, score: float, reason: FinishReason, likelihoods: tuple[Likelihood, ...]
    ) -> None:
        """Take in an answer of these *tokens*, whose log probability is *score*."""
        penalized = self._penalized(score, len(tokens))
        self._found.append(Hypothesis(tokens, penalized, reason, likelihoods))
        self._found.sort(key=lambda each: -each.score)
        del self._found[self._search.beams :]

    def are_final(self, score: float, length: int) -> bool:
        """
        Return whether the search has come to its end.

        Args:
            score: The log probability of the best beam that goes on.

            length: How many tokens it has.
        """
        if len(self._found) < self._search.beams:
            return False
        if self._search.early_stopping is True:
            return True

        hoped = self._search.early_stopping == "never" and self._search.length_penalty > 0
        length = self._search.max_tokens if hoped else length
        return self._penalized(score, length) <= self._found[-1].score

    def _penalized(self, score: float, length: int) -> float:
        return score / math.pow(length, self._search.length_penalty)
