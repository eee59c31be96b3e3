"""How each parameter reaches llama.cpp. What a call does not set is in ``_sampler.DEFAULTS``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from asyncllm.rules import Folded, Inapplicable, Leading, Native, Roles, Rules, Timed, Unsupported, When

from ._effort import Levels
from ._rows import SEVERAL, Held, Known, Option, Placed, beamed, drawn
from ._sampler import SEEDS


def _is_probability(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_none(value: Any) -> bool:
    return isinstance(value, str) and value == "none"


def _are_tools(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_are_named, cast("Sequence[Any]", value)))


def _are_named(value: Any) -> bool:
    return hasattr(value, "keys") and all(isinstance(name, str) for name in value)


OPTIONS = {
    "grammar":              Option("a text in GBNF", _is_text, stands_for="response_format"),
    "typical_p":            Option("a number above 0 and at most 1", _is_probability, draws=True),
    "tools":                Option("a list of functions, each as JSON schema has them", _are_tools),
    "chat_template_kwargs": Option("a mapping of names that the chat template knows", _are_named),
    "reasoning_format":     Option("'none', which leaves thoughts in the answer", _is_none),
}  # fmt: skip
"""What ``provider_options={"llamacpp": {…}}`` may hold."""

_NOTHING_TO_LIMIT = Inapplicable("with reasoning_effort='none' there is no thinking to limit")
_BUDGET = When(
    "thinking_budget",
    (0,),
    Native(),
    otherwise=beamed(Native(), Unsupported("the beam search does not look at it")),
)

_RULES: Rules = {
    "max_tokens":           Native(),
    "max_length":           Native(),
    "temperature":          drawn(Native()),
    "top_k":                drawn(Native()),
    "top_p":                drawn(Native()),
    "min_p":                drawn(Native()),
    "do_sample":            Native(),
    "seed":                 Folded(SEEDS),
    "num_return_sequences": SEVERAL,
    "num_beams":            Native(),
    "length_penalty":       Native(within=(-40, 40)),  # what lengths may be raised to
    "early_stopping":       Native(),
    "frequency_penalty":    Native(),
    "presence_penalty":     Native(),
    "repetition_penalty":   Native(within=(1e-6, 1e6)),  # what single precision bears
    "logit_bias":           Native(),
    "logprobs":             Native(),
    "stop_token":           Native(),
    "eos_token_id":         Native(),
    "bos_token_id":         Native(),
    "pad_token_id":         Inapplicable("an answer is a text, not a matrix of tokens"),
    "system_prompt":        Leading("system"),
    "role":                 Roles(called={"developer": "system"}),
    "thinking_budget":      When("reasoning_effort", ("none",), _NOTHING_TO_LIMIT, otherwise=_BUDGET),
    "response_format":      Held(),
    "device":               Placed(),
    "timeout":              Timed(),
    "provider_options":     Known("llamacpp", OPTIONS),
}  # fmt: skip


def rules(model: str) -> Rules:
    """Return the table for *model*."""
    return {**_RULES, "reasoning_effort": Levels(model)}
