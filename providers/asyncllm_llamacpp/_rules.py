"""How each parameter reaches llama.cpp. What a call does not set is in ``_sampler.DEFAULTS``."""

from __future__ import annotations

from typing import Any

from asyncllm.rules import Folded, Inapplicable, Leading, Native, Repeated, Roles, Rules, Timed, Unsupported

from ._rows import Held, Known, Option, Placed
from ._sampler import SEEDS


def _is_probability(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


OPTIONS = {
    "grammar":   Option("a text in GBNF", _is_text, stands_for="response_format"),
    "typical_p": Option("a number above 0 and at most 1", _is_probability),
}  # fmt: skip
"""What ``provider_options={"llamacpp": {…}}`` may hold."""

_NO_BEAMS = "the engine has no beam search yet"
_NO_LEVELS = "llama.cpp has no word to a model of how much to think; its prompt may have one"

RULES: Rules = {
    "max_tokens":           Native(),
    "max_length":           Native(),
    "temperature":          Native(),
    "top_k":                Native(),
    "top_p":                Native(),
    "min_p":                Native(),
    "do_sample":            Native(),
    "seed":                 Folded(SEEDS),
    "num_return_sequences": Repeated(),
    "num_beams":            Unsupported(_NO_BEAMS, default=1),
    "length_penalty":       Unsupported(_NO_BEAMS),
    "early_stopping":       Unsupported(_NO_BEAMS),
    "frequency_penalty":    Native(),
    "presence_penalty":     Native(),
    "repetition_penalty":   Native(within=(1e-6, 1e6)),  # what single precision bears
    "logit_bias":           Native(),
    "logprobs":             Native(),
    "stop_token":           Native(),
    "eos_token_id":         Native(),
    "bos_token_id":         Native(),
    "pad_token_id":         Inapplicable("each answer is computed by itself: no row is shorter than another"),
    "system_prompt":        Leading("system"),
    "role":                 Roles(called={"developer": "system"}),
    "reasoning_effort":     Unsupported(_NO_LEVELS),
    "thinking_budget":      Unsupported(_NO_LEVELS),
    "response_format":      Held(),
    "device":               Placed(),
    "timeout":              Timed(),
    "provider_options":     Known("llamacpp", OPTIONS),
}  # fmt: skip
