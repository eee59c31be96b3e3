"""Draw among tokens: Hugging Face's filters, in its order, on log probabilities."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ._scores import Scores

Kept: TypeAlias = NDArray[np.bool_]
"""Whether each token is left."""


class Draws:
    """
    Draws the continuations of beams.

    Args:
        seed: The same numbers come of the same seed.

        temperature: What the log probabilities are divided by; above 0.

        top_k: Only so many of the likeliest tokens are left; 0 leaves all.

        top_p: Only the likeliest tokens that have this probability together are left.

        min_p: Only tokens with this part of the likeliest one's probability are left.

        typical_p: Only the most typical tokens that have this probability together are left.
    """

    def __init__(
        self,
        seed: int,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        typical_p: float = 1.0,
    ) -> None:
        self._random = np.random.default_rng(seed)
        self._temperature = np.float32(temperature)
        self._top_k = top_k
        self._top_p = top_p
        self._min_p = min_p
        self._typical_p = typical_p
        self._filters = [
            keep
            for keep, is_wanted in (
                (self._likeliest, top_k > 0),
                (self._covering, top_p < 1),
                (self._near, min_p > 0),
                (self._typical, typical_p < 1),
            )
            if is_wanted
        ]

    def narrow(self, row: Scores, *, least: int) -> None:
        """
        Warm or cool a *row* of log probabilities, and leave -inf in place of what is filtered out.

        What is left does not add up to 1, as with Hugging Face.

        Args:
            row: The log probability of each token; it is changed.

            least: How many tokens every filter leaves.
        """
        row /= self._temperature
        left = np.flatnonzero(row > -np.inf)
        if not self._filters or not len(left):
            return

        values = row[left]
        for keep in self._filters:
            kept = keep(values, least)
            left, values = left[kept], values[kept]
        row.fill(-np.inf)
        row[left] = values

    def perturbed(self, values: Scores) -> Scores:
        """Take a random number from each of *values*, log probabilities: the largest are then a draw."""
        left = np.flatnonzero(values > -np.inf)
        numbers = self._random.standard_exponential(len(left), dtype=np.float32)
        perturbed = values.copy()
        perturbed[left] -= np.log(np.maximum(numbers, np.finfo(np.float32).tiny))
        return perturbed

    def _likeliest(self, values: Scores, least: int) -> Kept:
        count = min(max(self._top_k, least), len(values))
        keep: Kept = values >= np.partition(values, -count)[-count]
        return keep

    def _covering(self, values: Scores, least: int) -> Kept:
        order = np.argsort(values, kind="stable")
        unlikely = np.cumsum(_probabilities(values[order]), dtype=np.float64) <= 1 - self._top_p
        unlikely[-least:] = False
        return _without(order[unlikely], len(values))

    def _near(self, values: Scores, least: int) -> Kept:
        probabilities = _probabilities(values)
        keep: Kept = probabilities >= np.float32(self._min_p) * probabilities.max()
        keep[np.argsort(-values, kind="stable")[:least]] = True
        return keep

    def _typical(self, values: Scores, least: int) -> Kept:
        probabilities = _probabilities(values)
        surprise = values.max() - values + np.log(np.exp(values - values.max()).sum())
        distance = np.abs(surprise - (surprise * probabilities).sum())
        order = np.argsort(distance, kind="stable")
        covered = np.cumsum(probabilities[order], dtype=np.float64)
        last = min(int((covered < self._typical_p).sum()), len(values) - 1)
        strange = distance[order] > distance[order[last]]
        strange[:least] = False
        return _without(order[strange], len(values))


def _without(places: NDArray[np.intp], size: int) -> Kept:
    keep = np.ones(size, np.bool_)
    keep[places] = False
    return keep


def _probabilities(values: Scores) -> Scores:
    weights = np.exp(values - values.max())
    probabilities: Scores = weights / weights.sum()
    return probabilities
