"""What a call's parameters ask of a beam search."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ._draws import Draws
from ._hypotheses import Search
from ._sampler import COLDEST, DEFAULTS, SEEDS
from ._vocabulary import Vocabulary


def search(options: Mapping[str, Any], vocabulary: Vocabulary, max_tokens: int) -> Search:
    """
    Return what is looked for.

    Args:
        options: The canonical parameters that the call set.

        vocabulary: What the tokens mean.

        max_tokens: How many an answer may take.
    """
    return Search(
        beams=options["num_beams"],
        returned=options.get("num_return_sequences", 1),
        max_tokens=max_tokens,
        ends=vocabulary.enders | frozenset(options.get("eos_token_id", ())),
        length_penalty=options.get("length_penalty", 1.0),
        early_stopping=options.get("early_stopping", False),
        logprobs=options.get("logprobs"),
        stops=_stops(vocabulary, options.get("stop_token", ())),
    )


def draws(options: Mapping[str, Any]) -> Draws | None:
    """Return what draws beams, where the call says so: by default the likeliest go on, as at Hugging Face."""
    wanted = {**DEFAULTS, **options}
    if not options.get("do_sample", False) or wanted["temperature"] < COLDEST:
        return None

    filters = ("temperature", "top_k", "top_p", "min_p", "typical_p")
    seed = options.get("seed", secrets.randbelow(SEEDS))
    return Draws(seed, **{name: wanted[name] for name in filters})


def _stops(vocabulary: Vocabulary, stops: Sequence[str]) -> Callable[[Sequence[int]], bool] | None:
    """Return what tells whether a stop token ends with the last of some tokens."""
    if not stops:
        return None

    sought = [stop.encode("utf-8", "surrogatepass") for stop in stops]
    longest = max(map(len, sought))

    def has_ended(tokens: Sequence[int]) -> bool:
        end = vocabulary.piece(tokens[-1])
        needed = len(end) + longest - 1
        for token in tokens[-2::-1]:
            if len(end) >= needed:
                break
            end = vocabulary.piece(token) + end
        return any(stop in end for stop in sought)

    return has_ended
