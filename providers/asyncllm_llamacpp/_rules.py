"""How each parameter reaches llama.cpp. What a call does not set is in ``_sampler.DEFAULTS``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from asyncllm.rules import Applied, Leading, Native, Rules, Unsupported

from ._sampler import SEEDS


@dataclass(frozen=True, slots=True)
class Folded:
    """The engine knows fewer seeds than callers may name: a larger one stands for its remainder."""

    seeds: int

    def apply(self, name: str, value: int, asked: Mapping[str, Any]) -> Applied:
        sent = value % self.seeds
        if sent == value:
            return Applied(verdict="native", sent=sent, options={name: sent})
        return Applied(
            verdict="translated", sent=sent, reason=f"knows {self.seeds} seeds", options={name: sent}
        )


RULES: Rules = {
    "max_tokens":         Native(),
    "temperature":        Native(),
    "top_k":              Native(),
    "top_p":              Native(),
    "seed":               Folded(SEEDS),
    "frequency_penalty":  Native(),
    "presence_penalty":   Native(),
    "repetition_penalty": Native(within=(1e-6, 1e6)),  # what single precision bears
    "stop_token":         Native(),
    "system_prompt":      Leading("system"),
    "reasoning_effort":   Unsupported("a GGUF model has no levels of reasoning"),
}  # fmt: skip
