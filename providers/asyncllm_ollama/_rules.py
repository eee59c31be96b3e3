"""
Which parameter of Ollama's each of ours is.

Its own API, as of August 2026. Ollama ignores an option that it does not know,
with a line in its own log at most, so none is sent that it lacks. Sources: its
``api/types.go``, ``server/routes.go`` and ``llm/llama_server.go``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from asyncllm.provider import Role
from asyncllm.rules import (
    Applied,
    Leading,
    Native,
    Nearest,
    Renamed,
    Rule,
    Rules,
    StopTokens,
    Unsupported,
    When,
    bare,
    exclusive,
)

from ._chat import ROLES


@dataclass(frozen=True, slots=True)
class Option:
    """Ollama takes the parameter within the object ``options``."""

    rule: Rule
    note: str = ""
    """What else there is to know."""

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        applied = self.rule.apply(name, value, asked)
        if not applied.options:
            return applied

        reason = "; ".join(filter(None, (applied.reason, self.note)))
        return replace(applied, options={"options": applied.options}, reason=reason)


@dataclass(frozen=True, slots=True)
class Placed:
    """Ollama takes the number of layers that go to the GPU (a row for ``device``)."""

    layers: Mapping[str, int]

    def apply(self, name: str, value: str, asked: Mapping[str, Any]) -> Applied:
        sent = value if value in self.layers else "gpu"
        options = {"num_gpu": self.layers[sent]}
        if sent != value:
            reason = "Ollama chooses among its GPUs itself"
            return Applied(verdict="clamped", sent=sent, reason=reason, options=options)
        return Applied(verdict="renamed", sent=sent, reason="as num_gpu", options=options)


@dataclass(frozen=True, slots=True)
class Folded:
    """The provider knows fewer seeds than callers may name: a larger one stands for its remainder."""

    seeds: int

    def apply(self, name: str, value: int, asked: Mapping[str, Any]) -> Applied:
        sent = value % self.seeds
        reason = "" if sent == value else f"knows {self.seeds} seeds"
        return Applied(
            verdict="native" if sent == value else "translated",
            sent=sent,
            reason=reason,
            options={name: sent},
        )


@dataclass(frozen=True, slots=True)
class Spoken:
    """Ollama has words of its own for some roles (a row for ``role``)."""

    words: Mapping[Role, Role]

    def apply(self, name: str, value: Role, asked: Mapping[str, Any]) -> Applied:
        sent = self.words.get(value, value)
        if sent == value:
            return Applied(verdict="native", sent=sent, role=sent)
        return Applied(verdict="renamed", sent=sent, reason=f"as {sent}", role=sent)


SEEDS = 2**32 - 1
"""How many seeds there are: 32 bits, but the last one stands for "any" in llama.cpp."""

_RECENT = "looks at the last 64 tokens, the prompt's too"
_ALWAYS = Unsupported("this model always thinks")


def _think(level: str) -> str | bool:
    return False if level == "none" else level


RULES: Rules = {
    "max_tokens":         Option(Renamed("num_predict")),
    "temperature":        Option(Native()),
    "top_k":              Option(Native()),
    "top_p":              Option(Native()),
    "min_p":              Option(Native()),
    "seed":               Option(Folded(SEEDS)),
    "frequency_penalty":  Option(Native(), note=_RECENT),
    "presence_penalty":   Option(Native(), note=_RECENT),
    "repetition_penalty": Option(Renamed("repeat_penalty"), note=_RECENT),
    "stop_token":         Option(StopTokens("stop")),
    "system_prompt":      Leading("system"),
    "role":               Spoken(ROLES),
    "response_format":    Renamed("format"),
    "logprobs":           Renamed("top_logprobs", also={"logprobs": True}),
    # Of two levels equally near, the first is taken.
    "reasoning_effort":   Nearest("think", ("low", "medium", "high", "max", "none"), form=_think),
    "thinking_budget":    exclusive("reasoning_effort", When("thinking_budget", (0,),
                              rule=Renamed("think", form=bool),
                              otherwise=Unsupported("takes a level, not a number: see reasoning_effort"))),
    "device":             Option(Placed({"auto": -1, "gpu": -1, "cpu": 0}),
                              note="if that changes, Ollama loads the model anew"),
    "logit_bias":         Unsupported("Ollama takes no biases"),
    "eos_token_id":       Unsupported("Ollama ends an answer at texts, not at tokens: see stop_token"),
    "bos_token_id":       Unsupported("the model's template begins the prompt"),
    "num_beams":          Unsupported("Ollama has no beam search", default=1),
    "length_penalty":     Unsupported("Ollama has no beam search"),
    "early_stopping":     Unsupported("Ollama has no beam search"),
}  # fmt: skip

GPT_OSS: Rules = {
    **RULES,
    "reasoning_effort": Nearest("think", ("low", "medium", "high")),
    "thinking_budget":  When("thinking_budget", (0,), rule=_ALWAYS, otherwise=RULES["thinking_budget"]),
}  # fmt: skip


def rules_for(model: str) -> Rules:
    """Return the rules that hold for *model*."""
    return GPT_OSS if fnmatchcase(bare(model), "gpt-oss*") else RULES
