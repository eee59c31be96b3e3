"""
Which parameter of Ollama's each of ours is.

Its own API, as of August 2026. Ollama ignores an option that it does not know,
with a line in its own log at most, so none is sent that it lacks. Sources: its
``api/types.go``, ``server/routes.go`` and ``llm/llama_server.go``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from asyncllm.rules import (
    Applied,
    Folded,
    Inside,
    Leading,
    Native,
    Nearest,
    Renamed,
    Roles,
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


SEEDS = 2**32 - 1
"""How many seeds there are: 32 bits, but the last one stands for "any" in llama.cpp."""

_RECENT = "looks at the last 64 tokens, the prompt's too"
_ALWAYS = Unsupported("this model always thinks")


def _option(rule: Rule, note: str = "") -> Rule:
    return Inside("options", rule, note)


def _think(level: str) -> str | bool:
    return False if level == "none" else level


RULES: Rules = {
    "max_tokens":         _option(Renamed("num_predict")),
    "temperature":        _option(Native()),
    "top_k":              _option(Native()),
    "top_p":              _option(Native()),
    "min_p":              _option(Native()),
    "seed":               _option(Folded(SEEDS)),
    "frequency_penalty":  _option(Native(), note=_RECENT),
    "presence_penalty":   _option(Native(), note=_RECENT),
    "repetition_penalty": _option(Renamed("repeat_penalty"), note=_RECENT),
    "stop_token":         _option(StopTokens("stop")),
    "system_prompt":      Leading("system"),
    "role":               Roles(called=ROLES),
    "response_format":    Renamed("format"),
    "logprobs":           Renamed("top_logprobs", also={"logprobs": True}),
    # Of two levels equally near, the first is taken.
    "reasoning_effort":   Nearest("think", ("low", "medium", "high", "max", "none"), form=_think),
    "thinking_budget":    exclusive("reasoning_effort", When("thinking_budget", (0,),
                              rule=Renamed("think", form=bool),
                              otherwise=Unsupported("takes a level, not a number: see reasoning_effort"))),
    "device":             _option(Placed({"auto": -1, "gpu": -1, "cpu": 0}),
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
