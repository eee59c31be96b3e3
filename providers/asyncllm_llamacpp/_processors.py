"""
Change the log probability of each token that may come next, as a call's parameters say.

As Hugging Face's logits processors do in a beam search: one after the other, in its order, and
without making the probabilities add up to 1 again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from ._scores import Scores


class Processor(Protocol):
    """Changes a row of log probabilities."""

    def __call__(self, row: Scores, answer: Sequence[int]) -> None:
        """
        Change a row.

        Args:
            row: The log probability of each token; it is changed.

            answer: The tokens that it follows, without the prompt's.
        """


class Bias:
    """
    Adds to single tokens.

    Args:
        biases: What is added to which token.
    """

    def __init__(self, biases: Mapping[int, float]) -> None:
        self._tokens = np.array(list(biases), np.intp)
        self._added = np.array(list(biases.values()), np.float32)

    def __call__(self, row: Scores, answer: Sequence[int]) -> None:
        row[self._tokens] += self._added


class Repetition:
    """
    Makes less likely what came before, in the prompt too.

    Args:
        penalty: What a log probability is multiplied by, once, however often the token came.

        prompt: The prompt's tokens.
    """

    def __init__(self, penalty: float, prompt: Sequence[int]) -> None:
        self._penalty = np.float32(penalty)
        self._prompt = np.unique(np.asarray(prompt, np.intp))

    def __call__(self, row: Scores, answer: Sequence[int]) -> None:
        seen = np.concatenate((self._prompt, np.array(answer, np.intp)))
        values = row[seen]
        # Only a bias makes one that is above 0.
        row[seen] = np.where(values < 0, values * self._penalty, values / self._penalty)


class Occurrences:
    """
    Makes less likely what came in the answer, as OpenAI has it.

    Args:
        frequency: What is taken off for each time that a token came.

        presence: What is taken off where it came at all.
    """

    def __init__(self, *, frequency: float, presence: float) -> None:
        self._frequency = frequency
        self._presence = presence

    def __call__(self, row: Scores, answer: Sequence[int]) -> None:
        tokens, counts = np.unique(np.array(answer, np.intp), return_counts=True)
        row[tokens] -= (counts * self._frequency + self._presence).astype(np.float32)
