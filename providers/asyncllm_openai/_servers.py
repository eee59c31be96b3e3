"""
What each server takes that speaks Chat Completions in a way of its own.

As of November 2026, read from their sources. All but OpenAI ignore what they do
not know, so a table holds only what its server is known to take.
"""

from __future__ import annotations

from collections.abc import Mapping

from asyncllm.provider import Role
from asyncllm.rules import (
    Folded,
    Leading,
    Native,
    Nearest,
    Renamed,
    Repeated,
    Roles,
    Rules,
    StopTokens,
    Unsupported,
    When,
    With,
)

from ._effort import as_none, nothing_or
from ._rows import InFormat, Logprobs, SaidAs, Speakers, by_text, in_chat

UNKNOWN = "what this server makes of it is unknown: dialect= says whose rules it keeps"
MAY_BE_ANSWERED = (
    "whether this server goes on with it or answers after it is unknown: dialect= says whose rules it keeps"
)
NO_BEAMS = Unsupported("this server has no beam search", default=1)
TEMPLATE = Unsupported("the model's chat template begins the prompt")
NO_BUDGET = Unsupported("this server sets no budget in tokens; see reasoning_effort")

OPEN_MODELS: Mapping[Role, Role] = {"developer": "system"}
"""Roles that open models' templates lack, and those that say what they said."""
NO_DEVELOPERS = "open models know no developers"

SEEDS = 2**32 - 1
"""How many seeds there are: 32 bits, but the last one stands for "any" in llama.cpp."""

COMPATIBLE: Rules = {
    # Ollama ignores max_completion_tokens, and every server knows the older name.
    "max_tokens":           Native(),
    "temperature":          Native(within=(0, 2)),
    "top_p":                Native(within=(0, 1)),
    "top_k":                Unsupported(UNKNOWN, default=0),
    "min_p":                Unsupported(UNKNOWN, default=0),
    # What all take: of a larger one some lose bits, and several answers could have one seed.
    "seed":                 Folded(SEEDS),
    "num_return_sequences": Repeated("servers may take no heed of n"),
    "num_beams":            NO_BEAMS,
    "length_penalty":       NO_BEAMS,
    "early_stopping":       NO_BEAMS,
    "frequency_penalty":    Native(within=(-2, 2)),
    "presence_penalty":     Native(within=(-2, 2)),
    "repetition_penalty":   Unsupported(UNKNOWN, default=1),
    "logit_bias":           Renamed("logit_bias", form=by_text),
    "logprobs":             Logprobs(),
    "stop_token":           StopTokens("stop"),
    "eos_token_id":         Unsupported("this server takes no further end tokens"),
    "bos_token_id":         TEMPLATE,
    "system_prompt":        Leading("system"),
    "role":                 When("role", ("developer",), SaidAs("system", NO_DEVELOPERS),
                                 otherwise=When("role", ("assistant",), SaidAs("assistant", MAY_BE_ANSWERED),
                                                otherwise=Roles(("system", "user")))),
    "messages":             Speakers(OPEN_MODELS, NO_DEVELOPERS),
    "reasoning_effort":     Native(),
    "thinking_budget":      nothing_or(NO_BUDGET, Renamed("reasoning_effort", form=as_none)),
    "response_format":      InFormat(in_chat, holds_to_any=True),
}  # fmt: skip
"""For a server of which nothing is known but that it speaks OpenAI's API."""

SPEAKING = When("role", ("developer",), SaidAs("system", NO_DEVELOPERS),
                otherwise=Roles(("system", "user", "assistant")))  # fmt: skip
"""For servers that go on with a last message of the assistant's."""

ORDER = ("penalties", "dry", "top_n_sigma", "temperature", "top_k", "typ_p", "top_p", "min_p", "xtc")

LLAMA_SERVER: Rules = {
    **COMPATIBLE,
    "role":                 SPEAKING,
    "temperature":          With(rule=Native(within=(0, 2)), options={"samplers": ORDER},
                                 reason="by itself the server applies the temperature last, unlike others"),
    "top_k":                Native(),
    "min_p":                Native(within=(0, 1)),
    # How many it returns to a call depends on how many slots it was started with.
    "num_return_sequences": Repeated("how many answers a call may ask for depends on the server's slots"),
    # A window without end is not to be had.
    "repetition_penalty":   With(rule=Renamed("repeat_penalty"), options={"repeat_last_n": 2**16},
                                 reason="by itself the server looks at the last 64 tokens"),
    # Told of no number, it tells twenty; of none, nothing at all.
    "logprobs":             Logprobs(least=1),
    "thinking_budget":      Renamed("reasoning_budget_tokens"),
}  # fmt: skip

OWN_API = "Ollama takes it only in its own API"

OLLAMA: Rules = {
    **COMPATIBLE,
    "role":                 SPEAKING,
    "top_k":                Unsupported(OWN_API, default=0),
    "min_p":                Unsupported(OWN_API, default=0),
    "repetition_penalty":   Unsupported(OWN_API, default=1),
    "logit_bias":           Unsupported("Ollama takes no biases"),
    "num_return_sequences": Repeated("Ollama takes no heed of n"),
    # As in its own API: of two levels equally near, the first is taken.
    "reasoning_effort":     Nearest("reasoning_effort", ("low", "medium", "high", "max", "none")),
}  # fmt: skip
