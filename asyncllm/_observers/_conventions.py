"""
A call in the words of OpenTelemetry's semantic conventions for generative AI.

They are still in development. Where a draft gives another name to what has been
released, this is the released one: it is what instrumentations and backends agree on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from asyncllm._model import Model
from asyncllm._prepare import Prepared
from asyncllm._types import Response, Usage, Verdict

from ._plain import plain

Attributes: TypeAlias = dict[str, Any]

OPERATION = "chat"

PARAMETERS: Mapping[str, str] = {
    "temperature":          "gen_ai.request.temperature",
    "top_p":                "gen_ai.request.top_p",
    "top_k":                "gen_ai.request.top_k",
    "max_tokens":           "gen_ai.request.max_tokens",
    "seed":                 "gen_ai.request.seed",
    "frequency_penalty":    "gen_ai.request.frequency_penalty",
    "presence_penalty":     "gen_ai.request.presence_penalty",
    "num_return_sequences": "gen_ai.request.choice.count",
}  # fmt: skip
"""Which attribute tells of which parameter."""

NOT_DONE: frozenset[Verdict] = frozenset({"dropped", "inapplicable"})
"""Verdicts on parameters that the answer knows nothing of."""

TOKENS: Mapping[str, str] = {
    "input_tokens":       "gen_ai.usage.input_tokens",
    "output_tokens":      "gen_ai.usage.output_tokens",
    "cached_tokens":      "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning_tokens":   "gen_ai.usage.reasoning.output_tokens",
}  # fmt: skip
"""Which attribute tells of which tokens."""

ALWAYS = frozenset({"input_tokens", "output_tokens"})
"""Tokens that are told of even where there are none."""

REASONS: Mapping[str, str] = {"stop_sequence": "stop", "cancelled": "error", "unknown": "error"}
"""What the conventions call the ends of an answer, where that is another word."""

HOSTS: Mapping[str, str] = {
    "openai.azure.com":                  "azure.ai.openai",
    "inference.ai.azure.com":            "azure.ai.inference",
    "api.deepseek.com":                  "deepseek",
    "api.groq.com":                      "groq",
    "api.mistral.ai":                    "mistral_ai",
    "api.perplexity.ai":                 "perplexity",
    "api.x.ai":                          "x_ai",
    "api.cohere.com":                    "cohere",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com":         "gcp.vertex_ai",
}  # fmt: skip
"""The conventions' names for whoever answers at an address, where that says more than our provider's name."""

PORTS = {"http": 80, "https": 443}


def whom(model: Model) -> Attributes:
    """Return what tells who is asked: what spans and metrics have in common."""
    address: str | None = getattr(model.rulebook, "base_url", None)
    url = urlsplit(address or "")
    host = url.hostname or ""
    named = (name for end, name in HOSTS.items() if host == end or host.endswith(f".{end}"))
    found: Attributes = {
        "gen_ai.operation.name": OPERATION,
        "gen_ai.provider.name": next(named, model.provider or "unknown"),
        "gen_ai.request.model": model.name,
    }
    if host:
        found["server.address"] = host
        if port := url.port or PORTS.get(url.scheme):
            found["server.port"] = port
    return found


def asked(call: Prepared, *, streamed: bool) -> Attributes:
    """Return what tells how it was asked: of each parameter what reached the model, or is done for it."""
    found: Attributes = {"gen_ai.request.stream": True} if streamed else {}
    for verdict in call.verdicts:
        value = verdict.sent if verdict.verdict == "clamped" else verdict.asked
        if value is None or verdict.verdict in NOT_DONE:
            continue
        if verdict.parameter in PARAMETERS:
            found[PARAMETERS[verdict.parameter]] = value
        elif verdict.parameter == "stop_token":
            found["gen_ai.request.stop_sequences"] = [value] if isinstance(value, str) else list(value)
        elif verdict.parameter == "reasoning_effort":
            found["gen_ai.request.reasoning.level"] = value
        elif verdict.parameter == "response_format":
            found["gen_ai.output.type"] = "json"
    if found.get("gen_ai.request.choice.count") == 1:
        del found["gen_ai.request.choice.count"]
    return found


def answered(response: Response, *, streamed: bool) -> Attributes:
    """Return what tells of the answer."""
    found: Attributes = {
        "gen_ai.response.model": response.model,
        "gen_ai.response.finish_reasons": [_reason(choice.finish_reason) for choice in response.choices],
        **({} if response.usage is None else _tokens(response.usage)),
    }
    if response.request_id is not None:
        found["gen_ai.response.id"] = response.request_id
    if streamed and response.timing is not None and response.timing.first_token is not None:
        found["gen_ai.response.time_to_first_chunk"] = response.timing.first_token
    return found


def content(call: Prepared | None, response: Response | None, keys: Iterable[str]) -> Attributes:
    """Return what was asked and answered, word for word but for *keys*."""
    found: Attributes = {}
    if call is not None:
        messages = call.request.messages
        found["gen_ai.input.messages"] = [_message(each.role, each.text) for each in messages]
    if response is not None:
        found["gen_ai.output.messages"] = [
            {**_message("assistant", choice.text), "finish_reason": _reason(choice.finish_reason)}
            for choice in response.choices
        ]
    return {name: json.dumps(plain(value, keys)) for name, value in found.items()}


def _message(role: str, text: str) -> Attributes:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _tokens(usage: Usage) -> Attributes:
    counts = {name: getattr(usage, name) for name in TOKENS}
    return {TOKENS[name]: count for name, count in counts.items() if count or name in ALWAYS}


def _reason(ours: str) -> str:
    return REASONS.get(ours, ours)
