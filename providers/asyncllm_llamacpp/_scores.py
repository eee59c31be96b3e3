"""What the model makes of every token, as the next one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ._native import llama

Scores: TypeAlias = NDArray[np.float32]
"""The logit of each token."""


def scores(context: int, size: int, row: int = -1) -> Scores:
    """Return what *context* computed in a *row*, for *size* tokens; it holds until the next step."""
    return np.ctypeslib.as_array(llama.llama_get_logits_ith(context, row), (size,))


Candidates: TypeAlias = NDArray[np.void]
"""Tokens that may come next: the number of each, and its logit."""
_CANDIDATE = np.dtype(llama.llama_token_data)


def candidates(scores: Scores) -> Candidates:
    """Return all tokens, with their *scores*."""
    every = _numbered(len(scores)).copy()
    every["logit"] = scores
    return every


@lru_cache(maxsize=4)
def _numbered(count: int) -> Candidates:
    every = np.zeros(count, _CANDIDATE)
    every["id"] = np.arange(count)
    return every


def lent(candidates: Candidates) -> Any:
    """Return *candidates* as llama.cpp's samplers take them, which put them in another order."""
    data = candidates.ctypes.data_as(llama.llama_token_data_p)
    return llama.llama_token_data_array(data, len(candidates), -1, False)


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely a token was, before any parameter had a say."""

    logprob: float
    likeliest: tuple[tuple[int, float], ...]
    """The likeliest tokens in its place, with their log probabilities."""


def likelihood(scores: Scores, token: int, count: int) -> Likelihood:
    """Return how likely *token* is by *scores*, and the *count* likeliest tokens."""
    logits = scores.astype(np.float64)
    best = logits.max()
    logprobs = logits - best - np.log(np.exp(logits - best).sum())
    count = min(count, len(logprobs))
    found = np.argpartition(-logprobs, count - 1)[:count] if count else np.empty(0, np.intp)
    ranked = found[np.argsort(-logprobs[found], kind="stable")]
    return Likelihood(float(logprobs[token]), tuple((int(each), float(logprobs[each])) for each in ranked))
