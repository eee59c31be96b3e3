"""
Change the log probability of each token that may come next, as a call's parameters say.

As Hugging Face's logits processors do: one after the other, in its order. They take logits or,
as in its beam search, log probabilities, which they do not make add up to 1 again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from ._scores import Scores


class Processor(Protocol):
    """Changes a row of logits or log probabilities."""

    def __call__(self, row: Scores, answer: Sequence[int]) -> None:
        """
        Change a row.

        Args:
            row: The logit or log probability of each token; it is changed.

            answer: The tokens that it follows, without the prompt's.
        """


def processors(options: Mapping[str, Any], prompt: Sequence[int]) -> Iterator[Processor]:
    """
    Return what changes what follows *prompt*, in Hugging Face's order.

    Args:
        options: The canonical parameters that the call set.

        prompt: The tokens which the repetition penalty sees besides the answer's, as Hugging Face has
            it; the others see the answer alone, as OpenAI has it.
    """
    if biases := options.get("logit_bias"):
        yield Bias(biases)
    if (repetition := options.get("repetition_penalty", 1)) != 1:
        yield Repetition(repetition, prompt)
    frequency, presence = options.get("frequency_penalty", 0), options.get("presence_penalty", 0)
    if frequency or presence:
        yield Occurrences(frequency=frequency, presence=presence)


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
        penalty: What a value below 0 is multiplied by, and another divided by, once, however often
            the token came.

        prompt: The prompt's tokens.
    """

    def __init__(self, penalty: float, prompt: Sequence[int]) -> None:
        self._penalty = np.float32(penalty)
        self._prompt = np.unique(np.asarray(prompt, np.intp))

    def __call__(self, row: Scores, answer: Sequence[int]) -> None:
        seen = np.concatenate((self._prompt, np.array(answer, np.intp)))
        values = row[seen]
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
