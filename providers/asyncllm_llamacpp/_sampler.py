"""
Choose the next token.

In the order of Hugging Face's ``generate``: penalties, temperature, top_k, top_p,
min_p, typical_p, and the draw. llama.cpp's own tools put the temperature last, which makes
another distribution of the same numbers.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ._grammar import Grammar, Tokens, nothing_fits
from ._native import llama, quick
from ._processors import processors
from ._scores import Scores, best, candidates, lent

_apply = quick("llama_sampler_apply")

DEFAULTS: Mapping[str, Any] = {
    "temperature": 0.8,
    "top_k":       40,
    "top_p":       0.95,
    "min_p":       0.05,
    "typical_p":   1.0,
    "do_sample":   True,
}  # fmt: skip
"""What holds where a call does not say: llama.cpp's own defaults."""

SEEDS = 2**32 - 1
"""How many seeds there are: 32 bits, but the last one stands for "any" in llama.cpp."""

COLDEST = 1e-30
"""Below this temperature logits leave the range of single precision: only the likeliest token is left."""


_ALL = 2**31 - 1
"""A top_k beyond every vocabulary: llama.cpp's numbers end there."""

_FEW = 256
"""Up to so many of the likeliest tokens are found sooner than all are handed to llama.cpp."""


class Sampler:
    """
    Chooses the tokens of one answer. Close it: llama.cpp holds memory for it.

    Args:
        options: The canonical parameters that the call set.

        prompt: The tokens which the repetition penalty sees besides the answer's.

        grammar: What the answer has to fit; the sampler closes it.
    """

    def __init__(
        self, options: Mapping[str, Any], *, prompt: Sequence[int], grammar: Grammar | None = None
    ) -> None:
        self._grammar = grammar
        self._processors = [*processors(options, prompt)]
        self._answer: list[int] = []
        wanted = {**DEFAULTS, "seed": secrets.randbelow(SEEDS), **options}
        self._top_k: int = 1 if _takes_best(wanted) else wanted["top_k"]
        self._chain = None if _takes_best(wanted) else _chain(wanted)

    def choose(self, scores: Scores, *, is_free: bool = False) -> int:
        """
        Choose a token by its *scores*, and remember it for the penalties.

        Args:
            scores: The scores.

            is_free: Whether it need not fit the grammar: what is thought before the answer.
        """
        grammar = None if is_free else self._grammar
        scores = self._changed(scores)
        token = self._drawn(self._left(scores, grammar), scores)
        self._answer.append(token)
        if grammar is not None:
            grammar.accept(token)
        return token

    def close(self) -> None:
        if self._chain is not None:
            llama.llama_sampler_free(self._chain)
        if self._grammar is not None:
            self._grammar.close()

    def _changed(self, scores: Scores) -> Scores:
        """Return *scores* as biases and penalties leave them."""
        if not self._processors:
            return scores

        row = scores.copy()
        for process in self._processors:
            process(row, self._answer)
        return row

    def _left(self, scores: Scores, grammar: Grammar | None) -> Tokens:
        """Return the tokens to draw from, the likeliest first where there is a top_k."""
        few = 0 < self._top_k <= min(_FEW, len(scores))
        if grammar is None:
            return best(scores, self._top_k) if few else np.arange(len(scores))

        if few:
            # Mostly enough of the likeliest fit, and then no others need to be looked at.
            tried = best(scores, 1 if self._top_k == 1 else 2 * self._top_k)
            if len(left := grammar.fitting_of(tried)) >= self._top_k:
                return left[: self._top_k]
        left = grammar.fitting()
        if not len(left):
            raise nothing_fits()
        return left[best(scores[left], self._top_k)] if few else left

    def _drawn(self, tokens: Tokens, scores: Scores) -> int:
        if self._chain is None:
            return int(tokens[0])

        every = lent(candidates(tokens, scores[tokens]))
        _apply(self._chain, every)
        token: int = every.data[every.selected].id
        return token


def _chain(wanted: Mapping[str, Any]) -> Any:
    params = llama.llama_sampler_chain_default_params()
    params.no_perf = True
    chain = llama.llama_sampler_chain_init(params)
    for link in _links(wanted):
        llama.llama_sampler_chain_add(chain, link)  # The chain owns its links.
    return chain


def _links(wanted: Mapping[str, Any]) -> Iterator[Any]:
    yield llama.llama_sampler_init_temp(wanted["temperature"])
    yield llama.llama_sampler_init_top_k(min(wanted["top_k"], _ALL))
    yield llama.llama_sampler_init_top_p(wanted["top_p"], 1)
    yield llama.llama_sampler_init_min_p(wanted["min_p"], 1)
    if wanted["typical_p"] < 1:
        # llama.cpp takes the logarithm of the probabilities that are left: none may be 0.
        yield llama.llama_sampler_init_min_p(1e-30, 1)
        yield llama.llama_sampler_init_typical(wanted["typical_p"], 1)
    yield llama.llama_sampler_init_dist(wanted["seed"])


def _takes_best(wanted: Mapping[str, Any]) -> bool:
    return not wanted["do_sample"] or wanted["temperature"] < COLDEST
