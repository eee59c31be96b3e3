"""What OpenRouter takes, which hands a request on to one of many providers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from asyncllm.rules import (
    Applied,
    Folded,
    Greedy,
    Native,
    Renamed,
    Repeated,
    Roles,
    Rule,
    Rules,
    StopTokens,
    When,
    exclusive,
)

from ._effort import as_effort
from ._rows import InFormat, Logprobs, SaidAs, by_text, in_chat
from ._servers import COMPATIBLE

INSISTING = {"openai": {"provider": {"require_parameters": True}}}
"""The ``provider_options`` with which OpenRouter asks only providers that take all parameters."""
MAY_BE_DROPPED = (
    "OpenRouter drops it without a word where the provider that it asks lacks it; "
    f"provider_options={INSISTING} prevents that"
)
MAY_BE_LOOSE = "not strict: some of OpenRouter's providers hold answers to closed schemas alone"
MAY_BE_ANSWERED = "some of the models behind OpenRouter go on with it, others answer after it"

SEEDS = 2**53
"""How many seeds there are: OpenRouter reads numbers as JavaScript does, and larger ones lose bits."""


@dataclass(frozen=True, slots=True)
class Routed:
    """The provider that OpenRouter asks takes the parameter, or does not."""

    rule: Rule

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        applied = self.rule.apply(name, value, asked)
        if not applied.options or _is_insisted(asked.get("provider_options") or {}):
            return applied

        verdict = "translated" if applied.verdict in {"native", "renamed"} else applied.verdict
        reason = "; ".join(filter(None, (applied.reason, MAY_BE_DROPPED)))
        return replace(applied, verdict=verdict, reason=reason)


def _is_insisted(own: Mapping[str, Mapping[str, Any]]) -> bool:
    routing = own.get("openai", {}).get("provider")
    if not isinstance(routing, Mapping):
        return False
    return cast("Mapping[str, Any]", routing).get("require_parameters") is True


def _as_budget(tokens: int) -> dict[str, Any]:
    return {"max_tokens": tokens} if tokens else {"enabled": False}


TEMPERATURE = Native(within=(0, 2))

ROUTED: Rules = {
    "temperature":          TEMPERATURE,
    "do_sample":            Greedy(TEMPERATURE),
    "top_p":                Native(within=(0, 1)),
    "top_k":                Native(),
    "min_p":                Native(within=(0, 1)),
    "seed":                 Folded(SEEDS),
    "frequency_penalty":    Native(within=(-2, 2)),
    "presence_penalty":     Native(within=(-2, 2)),
    "repetition_penalty":   Native(within=(0, 2)),
    "logit_bias":           Renamed("logit_bias", form=by_text),
    "logprobs":             Logprobs(),
    "stop_token":           StopTokens("stop"),
    "response_format":      InFormat(in_chat, wish=MAY_BE_LOOSE),
    "reasoning_effort":     Renamed("reasoning", form=as_effort),
    "thinking_budget":      exclusive("reasoning_effort", Renamed("reasoning", form=_as_budget)),
}  # fmt: skip

OPENROUTER: Rules = {
    **{name: row for name, row in COMPATIBLE.items() if name != "messages"},
    **{name: Routed(row) for name, row in ROUTED.items()},
    "num_return_sequences": Repeated("OpenRouter takes no heed of n"),
    "role":                 When("role", ("assistant",), SaidAs("assistant", MAY_BE_ANSWERED),
                                 otherwise=Roles(("system", "developer", "user"))),
}  # fmt: skip
