"""
Which Claude takes which parameter.

Anthropic Messages, as of November 2026. Sources: the types of ``anthropic`` 2.12,
Anthropic's guides to each model and to version 2026-10-21 of the API, and the
API's error messages.
"""

from __future__ import annotations

from functools import cache

from asyncllm.rules import (
    Families,
    Family,
    Leading,
    Native,
    Required,
    Roles,
    Rule,
    Rules,
    StopTokens,
    Unsupported,
    When,
    bare,
)

from ._rows import Formatted
from ._sampling import no_sampling, sampling
from ._thinking import (
    ALL_LEVELS,
    ALWAYS_THINKS,
    AND_MAX,
    BETWEEN_TOOLS,
    DISABLED,
    NO_EFFORT,
    UP_TO_HIGH,
    budget,
    effort,
    no_budget,
    unless_thinking,
    up_to_high,
    waking,
)

_NO_PENALTIES = "Claude has no penalties"
_NO_BEAMS = "Claude has no beam search"
_NO_IDS = "Claude's tokens are not known by number"
_LAST_WORD = "the last word before Claude's answer is the user's"
_USER = Roles(("user",), _LAST_WORD)
# To begin the answer oneself goes neither with thinking nor with a schema.
_PREFILL = unless_thinking(
    When("response_format", (None,), Roles(("user", "assistant"), _LAST_WORD), _USER), _USER, by_effort=False
)
_NO_SCHEMA = Unsupported("Claude answers in JSON only by a schema: give one")


def _is_visible(stop: str) -> bool:
    return bool(stop.strip())


_EVERY: Rules = {
    **no_sampling("models after Claude 4.6 take no sampling parameters"),
    "min_p":              Unsupported("Claude has no min-p sampling", default=0),
    "seed":               Unsupported("Claude cannot be seeded"),
    "frequency_penalty":  Unsupported(_NO_PENALTIES, default=0),
    "presence_penalty":   Unsupported(_NO_PENALTIES, default=0),
    "repetition_penalty": Unsupported(_NO_PENALTIES, default=1),
    "logit_bias":         Unsupported(_NO_IDS),
    "logprobs":           Unsupported("Claude tells no probabilities"),
    "num_beams":          Unsupported(_NO_BEAMS, default=1),
    "length_penalty":     Unsupported(_NO_BEAMS),
    "early_stopping":     Unsupported(_NO_BEAMS),
    "eos_token_id":       Unsupported(f"{_NO_IDS}; stop_token takes texts"),
    "bos_token_id":       Unsupported(_NO_IDS),
    "stop_token":         StopTokens("stop_sequences", takes=_is_visible,
                                     reason="Anthropic refuses one that is only white space"),
    "system_prompt":      Leading("system"),
    "role":               _USER,
    "response_format":    When("response_format", ("json",), _NO_SCHEMA, otherwise=Formatted()),
}  # fmt: skip


def _family(*models: str, most: int, **rows: Rule) -> Family:
    limit = Required(
        rule=Native(within=(1, most)), default=most, reason="Anthropic wants a limit; this is the model's own"
    )
    return Family(models=models, example=models[0].rstrip("*"), rules={"max_tokens": limit, **_EVERY, **rows})


@cache
def families(version: str | None) -> Families:
    """Return what each family takes under *version* of the API; None asks for the one that is needed."""
    woken_by_budget = sampling(version, by_effort=False)
    woken_by_effort = sampling(version, by_effort=True)
    # The first pattern that fits decides.
    of = {
        "4.5":        _family("claude-haiku-4-5*", "claude-sonnet-4-5*", most=64_000,
                              reasoning_effort=effort(NO_EFFORT), thinking_budget=budget(64_000),
                              role=_PREFILL, **woken_by_budget),
        "opus-4.5":   _family("claude-opus-4-5*", most=64_000,
                              reasoning_effort=effort(UP_TO_HIGH), thinking_budget=budget(64_000),
                              role=_PREFILL, **woken_by_budget),
        "4.6":        _family("claude-opus-4-6*", "claude-sonnet-4-6*", most=128_000,
                              reasoning_effort=effort(waking(AND_MAX)), thinking_budget=budget(128_000),
                              **woken_by_effort),
        "4.8":        _family("claude-opus-4-8*", "claude-opus-4-7*", most=128_000,
                              reasoning_effort=effort(waking(ALL_LEVELS)),
                              thinking_budget=no_budget(DISABLED)),
        "sonnet-5":   _family("claude-sonnet-5", "claude-sonnet-5[-@]20*", most=128_000,
                              reasoning_effort=effort(ALL_LEVELS), thinking_budget=no_budget(DISABLED)),
        "5":          _family("claude-opus-5", "claude-opus-5[-@]20*", "claude-haiku-5-5*", most=128_000,
                              reasoning_effort=effort(ALL_LEVELS),
                              thinking_budget=no_budget(up_to_high(DISABLED))),
        "sonnet-5.5": _family("claude-sonnet-5-5*", most=128_000,
                              reasoning_effort=effort(ALL_LEVELS, off=BETWEEN_TOOLS),
                              thinking_budget=no_budget(up_to_high(BETWEEN_TOOLS))),
        "5.5":        _family("claude-opus-5-5*", "claude-fable-*", "claude-mythos-*", most=128_000,
                              reasoning_effort=ALL_LEVELS, thinking_budget=no_budget(ALWAYS_THINKS)),
    }  # fmt: skip
    return Families(of=of, newest="5.5", newest_is="Anthropic's newest family, Claude 5.5", base=_dashed)


def _dashed(model: str) -> str:
    """Return the bare name of *model* as Anthropic writes it: gateways write claude-opus-4.5."""
    return bare(model).replace(".", "-")
