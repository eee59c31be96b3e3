"""
Which Claude takes which parameter, and under which version of the API.

Anthropic Messages, as of November 2026. API version 2026-10-21, the SDK's own
default, refuses temperature, top_p and top_k for every model; under 2023-06-01
the models up to 4.6 still take them. Sources: the types of ``anthropic`` 2.12,
Anthropic's notes on migrating to 2026-10-21, and the API's error messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import inf
from typing import Any

from asyncllm.rules import (
    Assumed,
    Leading,
    Native,
    Nearest,
    Required,
    Rule,
    Rules,
    StopTokens,
    Unsupported,
    With,
    exclusive,
)

VERSION_HEADER = "anthropic-version"
SAMPLING_VERSION = "2023-06-01"
"""The last version of the API that knows sampling parameters."""


def _in_output_config(level: Any) -> dict[str, Any]:
    return {"effort": level}


def _rules(*, max_tokens: int, effort: Rule) -> Rules:
    limit = Required(
        rule=Native(within=(1, max_tokens)),
        default=max_tokens,
        reason="Anthropic wants a limit; this is the model's own",
    )
    return {
        "max_tokens":         limit,
        "temperature":        Unsupported("this model samples at its own temperature", default=1),
        "top_p":              Unsupported("this model takes no sampling parameters", default=1),
        "top_k":              Unsupported("this model takes no sampling parameters", default=0),
        "seed":               Unsupported("Claude cannot be seeded"),
        "frequency_penalty":  Unsupported("Claude has no penalties", default=0),
        "presence_penalty":   Unsupported("Claude has no penalties", default=0),
        "repetition_penalty": Unsupported("Claude has no penalties", default=1),
        "stop_token":         StopTokens("stop_sequences", takes=_is_visible,
                                         reason="Anthropic refuses one that is only white space"),
        "system_prompt":      Leading("system"),
        "reasoning_effort":   effort,
    }  # fmt: skip


def _is_visible(stop: str) -> bool:
    return bool(stop.strip())


_NO_EFFORT = Unsupported("this model has no levels of effort", default="none")
_UP_TO_HIGH = Nearest("output_config", ("low", "medium", "high"), form=_in_output_config)
_AND_MAX = Nearest("output_config", ("low", "medium", "high", "max"), form=_in_output_config)
_ALL_LEVELS = Nearest("output_config", ("low", "medium", "high", "xhigh", "max"), form=_in_output_config)

_SAMPLING: Rules = {
    "temperature": Native(within=(0, 1)),
    "top_p":       Native(within=(0, 1)),
    "top_k":       Native(within=(0, inf)),
}  # fmt: skip

_UNDER_SAMPLING_VERSION: Rules = {
    name: With(
        rule=rule,
        headers={VERSION_HEADER: SAMPLING_VERSION},
        reason="later versions of the API refuse sampling parameters",
    )
    for name, rule in _SAMPLING.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Models that take the same parameters."""

    models: tuple[str, ...]
    """Patterns of their names."""
    rules: Rules
    samples: bool
    """Whether they still take sampling parameters, under the older version of the API."""


# The first pattern that fits decides.
FAMILIES: Mapping[str, Family] = {
    "4.5":      Family(samples=True, rules=_rules(max_tokens=64_000, effort=_NO_EFFORT),
                       models=("claude-haiku-4-5*", "claude-sonnet-4-5*")),
    "opus-4.5": Family(samples=True, rules=_rules(max_tokens=64_000, effort=_UP_TO_HIGH),
                       models=("claude-opus-4-5*",)),
    "4.6":      Family(samples=True, rules=_rules(max_tokens=128_000, effort=_AND_MAX),
                       models=("claude-opus-4-6*", "claude-sonnet-4-6*")),
    "4.7":      Family(samples=False, rules=_rules(max_tokens=128_000, effort=_ALL_LEVELS),
                       models=("claude-opus-4-7*", "claude-opus-4-8*")),
    "5":        Family(samples=False, rules=_rules(max_tokens=128_000, effort=_ALL_LEVELS),
                       models=("claude-haiku-5*", "claude-sonnet-5*", "claude-opus-5*", "claude-fable-5*",
                               "claude-mythos-*")),
}  # fmt: skip

NEWEST = "5"
"""The family that a model in no table is taken for."""


def rules_for(model: str, api_version: str | None) -> Rules:
    """Return the rules for *model* under *api_version*; None chooses the one that honours most."""
    # Through a gateway the vendor's name comes first, as in "anthropic/claude-opus-4-5".
    base = model.rpartition("/")[2].lower()
    name = next(
        (name for name, family in FAMILIES.items() if any(fnmatchcase(base, p) for p in family.models)), None
    )
    if name is None:
        return {**FAMILIES[NEWEST].rules, "model_name": Assumed("Anthropic's newest family, Claude 5")}

    family = FAMILIES[name]
    return {**family.rules, **_sampling(api_version)} if family.samples else family.rules


def _sampling(api_version: str | None) -> Rules:
    """Return the rows of sampling for a model that knows it; of temperature and top_p one at a time."""
    if api_version not in {None, SAMPLING_VERSION}:
        return dict.fromkeys(
            _SAMPLING, Unsupported(f"API version {api_version} takes no sampling parameters")
        )

    rows = _SAMPLING if api_version else _UNDER_SAMPLING_VERSION
    return {**rows, "top_p": exclusive("temperature", rows["top_p"])}
