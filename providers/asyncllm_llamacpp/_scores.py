"""What the model makes of every token, as the next one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ._native import llama

Scores: TypeAlias = NDArray[np.float32]
"""The logit of each token."""


def scores(context: int, size: int, row: int = -1) -> Scores:
    """Return what *context* computed in a *row*, for *size* tokens; it holds until the next step."""
    return np.ctypeslib.as_array(llama.llama_get_logits_ith(context, row), (size,))


Fitting: TypeAlias = NDArray[np.bool_]
"""Whether each token may come next."""

Candidates: TypeAlias = NDArray[np.void]
"""Tokens that may come next: the number of each, and its logit."""
_CANDIDATE = np.dtype(llama.llama_token_data)


def candidates(tokens: NDArray[np.intp], scores: Scores | np.float32) -> Candidates:
    """Return *tokens*, with their *scores*."""
    given = np.zeros(len(tokens), _CANDIDATE)
    given["id"] = tokens
    given["logit"] = scores
    return given


def lent(candidates: Candidates) -> Any:
    """Return *candidates* as llama.cpp's samplers take them, which put them in another order."""
    data = candidates.ctypes.data_as(llama.llama_token_data_p)
    array = llama.llama_token_data_array(data, len(candidates), -1, False)
    array.lent = candidates  # Their memory is freed with them otherwise, however long the array is in use.
    return array


def logprobs(logits: Scores) -> Scores:
    """Return the log probability of each token, by its logit, in each row."""
    found: Scores = logits - logits.max(axis=-1, keepdims=True)
    found -= np.log(np.exp(found).sum(axis=-1, keepdims=True))
    return found


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely a token was."""

    logprob: float
    likeliest: tuple[tuple[int, float], ...]
    """The likeliest tokens in its place, with their log probabilities."""


def likelihood(logprobs: Scores, token: int, count: int) -> Likelihood:
    """Return how likely *token* is by *logprobs*, and the *count* likeliest of the possible tokens."""
    ranked = [(int(each), float(logprobs[each])) for each in best(logprobs, count)]
    return Likelihood(float(logprobs[token]), tuple(pair for pair in ranked if pair[1] > -np.inf))


_BLOCK = 64


def best(values: Scores, count: int) -> NDArray[np.intp]:
    """Return where the *count* largest of *values* are, the largest first; of equal ones, the first."""
    blocks = len(values) // _BLOCK
    if blocks <= count:
        return np.argsort(-values, kind="stable")[:count]

    # What is among the largest is in one of the blocks with the largest peaks, or in what is left over.
    whole = values[: blocks * _BLOCK].reshape(blocks, _BLOCK)
    peaks = np.sort(np.argsort(-whole.max(axis=1), kind="stable")[:count])
    inside = (peaks[:, None] * _BLOCK + np.arange(_BLOCK)).ravel()
    places = np.concatenate((inside, np.arange(blocks * _BLOCK, len(values))))
    return places[np.argsort(-values[places], kind="stable")[:count]]
