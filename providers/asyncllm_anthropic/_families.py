"""
Which Claude takes which parameter.

Anthropic Messages, as of November 2026. Sources: the types of ``anthropic`` 2.12,
Anthropic's guides to each model and to version 2026-10-21 of the API, and the
API's error messages.
"""

from __future__ import annotations

import re
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

from ._conversation import Conversation
from ._rows import Formatted, Mind
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
    up_to_high,
    waking,
)

_NO_PENALTIES = "Claude has no penalties"
_NO_BEAMS = "Claude has no beam search"
_NO_IDS = "Claude's tokens are not known by number"
_NOBODY_ELSE = Roles(
    ("user",), "a text alone is the user's; from Claude 4.6 on, nobody else begins the answer"
)
_PREFILL = Roles(
    ("user",),
    "a text alone is the user's; to begin Claude's answer, end a conversation with an assistant's message",
)
_NO_SCHEMA = Unsupported("Claude answers in JSON only by a schema: give one")
# By most accounts, Sonnet 5 too refuses system messages within a conversation.
_BEFORE = Conversation(inline=False)
_SUFFIX = re.compile(r"(-v\d+|-latest|@latest|@default)?(:.*)?$")


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
    "role":               _NOBODY_ELSE,
    "response_format":    When("response_format", ("json",), _NO_SCHEMA, otherwise=Formatted()),
    "messages":           Conversation(inline=True),
}  # fmt: skip


def _family(*models: str, most: int, **rows: Rule) -> Family:
    limit = Required(
        rule=Native(within=(1, most)), default=most, reason="Anthropic wants a limit; this is the model's own"
    )
    return Family(models=models, example=models[0].rstrip("*"), rules={"max_tokens": limit, **_EVERY, **rows})


@cache
def families(version: str | None) -> Families:
    """Return what each family takes under *version* of the API; None asks for the one that is needed."""
    by_budget = Mind(max_tokens=64_000)
    by_either = Mind(max_tokens=128_000, by_effort=True)
    by_effort = Mind(by_effort=True)
    # The first pattern that fits decides.
    of = {
        "4.5":        _family("claude-haiku-4-5*", "claude-sonnet-4-5*", most=64_000,
                              reasoning_effort=effort(NO_EFFORT), thinking_budget=budget(by_budget),
                              role=_PREFILL, messages=_BEFORE, **sampling(version, by_budget)),
        "opus-4.5":   _family("claude-opus-4-5*", most=64_000,
                              reasoning_effort=effort(UP_TO_HIGH), thinking_budget=budget(by_budget),
                              role=_PREFILL, messages=_BEFORE, **sampling(version, by_budget)),
        "4.6":        _family("claude-opus-4-6*", "claude-sonnet-4-6*", most=128_000,
                              reasoning_effort=effort(waking(AND_MAX, by_either)),
                              thinking_budget=budget(by_either),
                              messages=_BEFORE, **sampling(version, by_either)),
        "4.7":        _family("claude-opus-4-7*", most=128_000,
                              reasoning_effort=effort(waking(ALL_LEVELS, by_effort)),
                              thinking_budget=no_budget(DISABLED), messages=_BEFORE),
        "4.8":        _family("claude-opus-4-8*", most=128_000,
                              reasoning_effort=effort(waking(ALL_LEVELS, by_effort)),
                              thinking_budget=no_budget(DISABLED)),
        "sonnet-5":   _family("claude-sonnet-5", "claude-sonnet-5[-@]20*", most=128_000,
                              reasoning_effort=effort(ALL_LEVELS), thinking_budget=no_budget(DISABLED),
                              messages=_BEFORE),
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
    """
    Return the bare name of *model* as Anthropic writes it.

    Gateways write claude-opus-4.5, and Bedrock us.anthropic.claude-opus-4-5-20251101-v1:0.
    """
    name = bare(model).replace(".", "-").rpartition("anthropic-")[2]
    return _SUFFIX.sub("", name, count=1)
