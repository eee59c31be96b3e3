"""
Which OpenAI model takes which parameter.

Chat Completions, as of November 2026: what is legal depends on the model's
family and, for most, on whether it thinks. Sources: the types of ``openai``
3.54, OpenAI's deployment checklist ("when effort is not none, remove temperature,
top_p, logprobs"), and the API's own error messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from math import inf

from asyncllm.provider import Params
from asyncllm.rules import Assumed, Leading, Native, Nearest, Renamed, Rules, StopTokens, Unsupported, With

_NO_SAMPLING = Unsupported("a model that thinks samples at its own temperature", default=1)
_ONLY_UNTHINKING = Unsupported("taken only with reasoning_effort='none'", default=1)
_NO_PENALTIES = Unsupported("this family takes no penalties", default=0)
_NO_STOPS = StopTokens(reason="this family takes no stop tokens")

CLASSIC: Rules = {
    "max_tokens":         Renamed("max_completion_tokens"),
    "temperature":        Native(within=(0, 2)),
    "top_p":              Native(within=(0, 1)),
    "top_k":              Unsupported("OpenAI has no top-k sampling", default=0),
    "seed":               Native(),
    "frequency_penalty":  Native(within=(-2, 2)),
    "presence_penalty":   Native(within=(-2, 2)),
    "repetition_penalty": Unsupported("OpenAI has no multiplicative penalty", default=1),
    "stop_token":         StopTokens("stop", at_most=4, reason="OpenAI takes four at most"),
    "system_prompt":      Leading("system"),
    "reasoning_effort":   Unsupported("this model does not think before it answers", default="none"),
}  # fmt: skip

THINKING: Rules = {
    **CLASSIC,
    "temperature":       _NO_SAMPLING,
    "top_p":             _NO_SAMPLING,
    "frequency_penalty": _NO_PENALTIES,
    "presence_penalty":  _NO_PENALTIES,
    "stop_token":        _NO_STOPS,
    "system_prompt":     Leading("developer"),
}  # fmt: skip

# An answer shorter than this is refused (integer_below_min_value).
_AT_LEAST_16 = Renamed("max_completion_tokens", within=(16, inf))

O_SERIES: Rules = {
    **THINKING,
    "reasoning_effort": Nearest("reasoning_effort", ("low", "medium", "high")),
}  # fmt: skip

GPT_5: Rules = {
    **THINKING,
    "max_tokens":       _AT_LEAST_16,
    "reasoning_effort": Nearest("reasoning_effort", ("minimal", "low", "medium", "high")),
}  # fmt: skip

ALWAYS_THINKING: Rules = {
    **THINKING,
    "max_tokens":       _AT_LEAST_16,
    "reasoning_effort": Nearest("reasoning_effort", ("low", "medium", "high", "xhigh")),
}  # fmt: skip

PRO: Rules = {
    **ALWAYS_THINKING,
    "reasoning_effort": Nearest("reasoning_effort", ("medium", "high", "xhigh")),
}  # fmt: skip

GPT_5_1: Rules = {
    **THINKING,
    "max_tokens":       _AT_LEAST_16,
    "temperature":      _ONLY_UNTHINKING,
    "top_p":            _ONLY_UNTHINKING,
    "reasoning_effort": Nearest("reasoning_effort", ("none", "low", "medium", "high")),
}  # fmt: skip

GPT_5_2: Rules = {
    **GPT_5_1,
    "reasoning_effort": Nearest("reasoning_effort", ("none", "low", "medium", "high", "xhigh")),
}  # fmt: skip

GPT_5_6: Rules = {
    **GPT_5_2,
    "max_tokens": Renamed("max_completion_tokens"),
}  # fmt: skip

_UNTHINKING: Rules = {
    "temperature": Native(within=(0, 2)),
    "top_p":       Native(within=(0, 1)),
}  # fmt: skip

# Such a model does not think unless told to. Said all the same: the API refuses sampling otherwise,
# and a default may change.
_UNTHINKING_BY_DEFAULT: Rules = {
    name: With(
        rule=rule, options={"reasoning_effort": "none"}, reason="the model's default, which sampling needs"
    )
    for name, rule in _UNTHINKING.items()
}

COMPATIBLE: Rules = {
    **CLASSIC,
    # Ollama ignores max_completion_tokens, and every server knows the older name.
    "max_tokens":         Native(),
    "stop_token":         StopTokens("stop"),
    "top_k":              Unsupported("what this server makes of it is unknown"),
    "repetition_penalty": Unsupported("what this server makes of it is unknown", default=1),
    "reasoning_effort":   Renamed("reasoning_effort"),
}  # fmt: skip
"""For servers that speak OpenAI's API: vLLM, llama-server, Ollama …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Models that take the same parameters."""

    models: tuple[str, ...]
    """Patterns of their names."""
    rules: Rules
    unthinking: Rules = field(default_factory=dict[str, Native])
    """Rows that hold instead where the model was told not to think."""
    thinks_by_default: bool = True


# The first pattern that fits decides.
FAMILIES: Mapping[str, Family] = {
    "pro":      Family(rules=PRO, models=("*-pro", "*-pro-20*")),
    "thinking": Family(rules=ALWAYS_THINKING, models=(
                    "*-codex*", "gpt-6-astra*", "gpt-6.1-sol*", "gpt-6.2-*", "*-cyber*", "*-rosalind*")),
    "o":        Family(rules=O_SERIES, models=("o[0-9]*",)),
    "gpt-5":    Family(rules=GPT_5, models=("gpt-5", "gpt-5-*")),
    "gpt-5.1":  Family(rules=GPT_5_1, models=("gpt-5.1*",), unthinking=_UNTHINKING, thinks_by_default=False),
    "gpt-5.2":  Family(rules=GPT_5_2, models=("gpt-5.[2-5]*",), unthinking=_UNTHINKING),
    "gpt-5.6":  Family(rules=GPT_5_6, models=("gpt-5.6*",), unthinking=_UNTHINKING, thinks_by_default=False),
    "gpt-6":    Family(rules=GPT_5_6, models=("gpt-6-sol*", "gpt-6-luna*", "gpt-6.1-terra*"),
                       unthinking=_UNTHINKING),
    "classic":  Family(rules=CLASSIC, models=("gpt-4*", "gpt-3.5*", "chatgpt-4o*", "gpt-audio*")),
}  # fmt: skip

NEWEST = "thinking"
"""The family that a model in no table is taken for."""


def rules_for(model: str, params: Params) -> Rules:
    """Return the rules that hold for OpenAI's own *model* when it is called with *params*."""
    base = _base(model)
    name = next(
        (name for name, family in FAMILIES.items() if any(fnmatchcase(base, p) for p in family.models)), None
    )
    if name is None:
        return {**FAMILIES[NEWEST].rules, "model_name": Assumed("OpenAI's newest family, gpt-6.2")}

    family = FAMILIES[name]
    effort = params.get("reasoning_effort")
    if effort is None and not family.thinks_by_default:
        return {**family.rules, **_UNTHINKING_BY_DEFAULT}
    if effort in {"none", "minimal"} and family.unthinking:
        return {**family.rules, **family.unthinking}
    return family.rules


def _base(model: str) -> str:
    """Return what *model* is at bottom: of ``"openai/gpt-4.1"``, or ``"ft:gpt-4.1:org::id"``, gpt-4.1."""
    return model.rpartition("/")[2].lower().removeprefix("ft:").partition(":")[0]
