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

from ._grammar import Grammar, nothing_fits
from ._native import llama, quick
from ._scores import Scores, candidates, lent

_accept = quick("llama_sampler_accept")
_apply = quick("llama_sampler_apply")

DEFAULTS: Mapping[str, Any] = {
    "temperature":        0.8,
    "top_k":              40,
    "top_p":              0.95,
    "min_p":              0.05,
    "typical_p":          1.0,
    "do_sample":          True,
    "logit_bias":         {},
    "frequency_penalty":  0.0,
    "presence_penalty":   0.0,
    "repetition_penalty": 1.0,
}  # fmt: skip
"""What holds where a call does not say: llama.cpp's own defaults."""

SEEDS = 2**32 - 1
"""How many seeds there are: 32 bits, but the last one stands for "any" in llama.cpp."""

COLDEST = 1e-30
"""Below this temperature logits leave the range of single precision: only the likeliest token is left."""


class Sampler:
    """
    Chooses the tokens of one answer. Close it: llama.cpp holds memory for it.

    Args:
        options: The canonical parameters that the call set.

        prompt: The tokens which the repetition penalty sees besides the answer's.

        window: How many tokens the penalties look back.

        vocabulary_size: How many tokens there are.

        grammar: What the answer has to fit; the sampler closes it.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        *,
        prompt: Sequence[int],
        window: int,
        vocabulary_size: int,
        grammar: Grammar | None = None,
    ) -> None:
        self._grammar = grammar
        params = llama.llama_sampler_chain_default_params()
        params.no_perf = True
        self._chain: Any = llama.llama_sampler_chain_init(params)
        wanted = {**DEFAULTS, "seed": secrets.randbelow(SEEDS), **options}
        changes = [
            *_biases(wanted, vocabulary_size),
            *_penalties(wanted, prompt, window, vocabulary_size),
        ]
        self._takes_best = _takes_best(wanted) and not changes and grammar is None
        for link in (*changes, *_draw(wanted, vocabulary_size)):
            llama.llama_sampler_chain_add(self._chain, link)  # The chain owns its links.

    def choose(self, scores: Scores, *, is_free: bool = False) -> int:
        """
        Choose a token by its *scores*, and remember it for the penalties.

        Args:
            scores: The scores.

            is_free: Whether it need not fit the grammar: what is thought before the answer.
        """
        if self._takes_best:
            return int(scores.argmax())

        grammar = None if is_free else self._grammar
        every = candidates(scores)
        left = every if grammar is None else grammar.fitting(every)
        if not len(left):
            raise nothing_fits()
        chosen = lent(left)
        _apply(self._chain, chosen)
        token: int = chosen.data[chosen.selected].id
        _accept(self._chain, token)
        if grammar is not None:
            grammar.accept(token)
        return token

    def close(self) -> None:
        llama.llama_sampler_free(self._chain)
        if self._grammar is not None:
            self._grammar.close()


def _biases(wanted: Mapping[str, Any], vocabulary_size: int) -> Iterator[Any]:
    if biases := wanted["logit_bias"]:
        given = (llama.llama_logit_bias * len(biases))(*biases.items())
        yield llama.llama_sampler_init_logit_bias(vocabulary_size, len(biases), given)


def _penalties(
    wanted: Mapping[str, Any], prompt: Sequence[int], window: int, vocabulary_size: int
) -> Iterator[Any]:
    repetition = wanted["repetition_penalty"]
    frequency, presence = wanted["frequency_penalty"], wanted["presence_penalty"]
    # Two links, since they differ in what they see: this one the prompt too, as Hugging Face has it,
    # the other the answer alone, as OpenAI has it.
    if repetition != 1:
        link = llama.llama_sampler_init_penalties(vocabulary_size, window, repetition, 0.0, 0.0)
        for token in prompt[-window:]:
            _accept(link, token)
        yield link
    if frequency or presence:
        yield llama.llama_sampler_init_penalties(vocabulary_size, window, 1.0, frequency, presence)


def _draw(wanted: Mapping[str, Any], vocabulary_size: int) -> Iterator[Any]:
    if _takes_best(wanted):
        yield llama.llama_sampler_init_greedy()
        return

    yield llama.llama_sampler_init_temp(wanted["temperature"])
    yield llama.llama_sampler_init_top_k(min(wanted["top_k"], vocabulary_size))
    yield llama.llama_sampler_init_top_p(wanted["top_p"], 1)
    yield llama.llama_sampler_init_min_p(wanted["min_p"], 1)
    if wanted["typical_p"] < 1:
        # llama.cpp takes the logarithm of the probabilities that are left: none may be 0.
        yield llama.llama_sampler_init_min_p(1e-30, 1)
        yield llama.llama_sampler_init_typical(wanted["typical_p"], 1)
    yield llama.llama_sampler_init_dist(wanted["seed"])


def _takes_best(wanted: Mapping[str, Any]) -> bool:
    return not wanted["do_sample"] or wanted["temperature"] < COLDEST
