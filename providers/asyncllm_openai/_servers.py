"""
What each server takes that speaks Chat Completions in a way of its own.

As of November 2026, read from their sources. All but OpenAI ignore what they do
not know, so a table holds only what its server is known to take.
"""

from __future__ import annotations

from asyncllm.rules import (
    Leading,
    Native,
    Nearest,
    Renamed,
    Repeated,
    Roles,
    Rule,
    Rules,
    StopTokens,
    Unsupported,
    When,
    With,
    exclusive,
)

from ._effort import as_effort
from ._rows import InFormat, Logprobs, SaidAs, by_text, in_chat

UNKNOWN = "what this server makes of it is unknown: dialect= says whose rules it keeps"
NO_BEAMS = Unsupported("this server has no beam search", default=1)
TEMPLATE = Unsupported("the model's chat template begins the prompt")

COMPATIBLE: Rules = {
    # Ollama ignores max_completion_tokens, and every server knows the older name.
    "max_tokens":           Native(),
    "temperature":          Native(within=(0, 2)),
    "top_p":                Native(within=(0, 1)),
    "top_k":                Unsupported(UNKNOWN, default=0),
    "min_p":                Unsupported(UNKNOWN, default=0),
    "seed":                 Native(),
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
    "role":                 When("role", ("developer",), SaidAs("system", "open models know no developers"),
                                 otherwise=Roles(("system", "user", "assistant"))),
    "reasoning_effort":     Native(),
    "thinking_budget":      Unsupported("this server sets no budget in tokens; see reasoning_effort"),
    "response_format":      InFormat(in_chat, holds_to_any=True),
}  # fmt: skip
"""For a server of which nothing is known but that it speaks OpenAI's API."""

# As everywhere else: by itself the server cuts the tail first, and applies the temperature last.
ORDER = ("penalties", "dry", "top_n_sigma", "temperature", "top_k", "typ_p", "top_p", "min_p", "xtc")

LLAMA_SERVER: Rules = {
    **COMPATIBLE,
    "temperature":          Renamed("temperature", within=(0, 2), also={"samplers": ORDER}),
    "top_k":                Native(),
    "min_p":                Native(within=(0, 1)),
    "seed":                 Native(within=(0, 2**32 - 2)),
    # How many it returns to a call depends on how many slots it was started with.
    "num_return_sequences": Repeated("how many answers a call may ask for depends on the server's slots"),
    # Its own window is 64 tokens; one without end is not to be had.
    "repetition_penalty":   Renamed("repeat_penalty", also={"repeat_last_n": 2**16}),
    # Told of no number, it tells twenty; of none, nothing at all.
    "logprobs":             Logprobs(least=1),
    "thinking_budget":      Renamed("reasoning_budget_tokens"),
}  # fmt: skip

OWN_API = "Ollama takes it only in its own API"

OLLAMA: Rules = {
    **COMPATIBLE,
    "top_k":                Unsupported(OWN_API, default=0),
    "min_p":                Unsupported(OWN_API, default=0),
    "repetition_penalty":   Unsupported(OWN_API, default=1),
    "logit_bias":           Unsupported("Ollama takes no biases"),
    "num_return_sequences": Repeated("Ollama takes no heed of n"),
    "reasoning_effort":     Nearest("reasoning_effort", ("none", "low", "medium", "high", "max")),
}  # fmt: skip


def _as_budget(tokens: int) -> dict[str, int]:
    return {"max_tokens": tokens}


def _insisting(rule: Rule) -> With:
    return With(
        rule=rule,
        options={"provider": {"require_parameters": True}},
        reason="otherwise OpenRouter may ask a provider that does not take it, and say nothing",
    )


INSISTED: Rules = {
    "temperature":          Native(within=(0, 2)),
    "top_p":                Native(within=(0, 1)),
    "top_k":                Native(),
    "min_p":                Native(within=(0, 1)),
    "seed":                 Native(),
    "frequency_penalty":    Native(within=(-2, 2)),
    "presence_penalty":     Native(within=(-2, 2)),
    "repetition_penalty":   Native(within=(0, 2)),
    "logit_bias":           Renamed("logit_bias", form=by_text),
    "logprobs":             Logprobs(),
    "stop_token":           StopTokens("stop"),
    "response_format":      InFormat(in_chat),
    "reasoning_effort":     Renamed("reasoning", form=as_effort),
    "thinking_budget":      exclusive("reasoning_effort", Renamed("reasoning", form=_as_budget)),
}  # fmt: skip

OPENROUTER: Rules = {
    **COMPATIBLE,
    **{name: _insisting(row) for name, row in INSISTED.items()},
    "num_return_sequences": Repeated("OpenRouter takes no heed of n"),
    "role":                 Roles(("system", "developer", "user", "assistant")),
}  # fmt: skip
