"""
A call in the words of OpenTelemetry's semantic conventions for generative AI.

They are still in development. These are the attributes of the release that
:data:`SCHEMA` names; what they have no word for is called ``asyncllm.…``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

from asyncllm._keys import Keys
from asyncllm._model import Model
from asyncllm._prepare import Prepared
from asyncllm._types import Choice, Message, Response, Usage, Verdict
from asyncllm.errors import LLMError

from ._as_json import as_json

Attributes: TypeAlias = dict[str, Any]

SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
"""The release of the conventions."""

OPERATION = "chat"


def _as_it_is(value: Any) -> Any:
    return value


def _several(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) else list(value)


PARAMETERS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "temperature":          ("gen_ai.request.temperature", _as_it_is),
    "top_p":                ("gen_ai.request.top_p", _as_it_is),
    "top_k":                ("gen_ai.request.top_k", _as_it_is),
    "max_tokens":           ("gen_ai.request.max_tokens", _as_it_is),
    "seed":                 ("gen_ai.request.seed", _as_it_is),
    "frequency_penalty":    ("gen_ai.request.frequency_penalty", _as_it_is),
    "presence_penalty":     ("gen_ai.request.presence_penalty", _as_it_is),
    "num_return_sequences": ("gen_ai.request.choice.count", lambda count: None if count == 1 else count),
    "stop_token":           ("gen_ai.request.stop_sequences", _several),
    "response_format":      ("gen_ai.output.type", lambda _: "json"),
    "reasoning_effort":     ("asyncllm.request.reasoning_effort", _as_it_is),
}  # fmt: skip
"""Which attribute tells of which parameter, and how its value is said there; None is not said."""

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

REASONS: Mapping[str, str] = {"stop_sequence": "stop"}
"""What the conventions call the ends of an answer, where that is another word."""

NO_REASON = frozenset({"cancelled", "unknown"})
"""Ends that are no reason of the model's."""

APART = ("system", "instructions")
"""The fields of a request that hold a system prompt apart from the conversation."""

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


def server_attributes(model: Model) -> Attributes:
    """Return what tells who is asked: what spans and metrics have in common."""
    address = getattr(model.rulebook, "base_url", None) or getattr(model.rulebook, "default_url", None)
    url = urlsplit(str(address or ""))
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


def request_attributes(call: Prepared, *, streamed: bool) -> Attributes:
    """Return what tells how it was asked: of each parameter what reached the model, or is done for it."""
    found: Attributes = {"gen_ai.request.stream": True} if streamed else {}
    for verdict in call.verdicts:
        value = verdict.sent if verdict.verdict == "clamped" else verdict.asked
        if value is None or verdict.verdict in NOT_DONE or verdict.parameter not in PARAMETERS:
            continue
        attribute, said = PARAMETERS[verdict.parameter]
        found[attribute] = said(value)
    return {name: value for name, value in found.items() if value is not None}


def response_attributes(response: Response, *, streamed: bool) -> Attributes:
    """Return what tells of the answer."""
    timing = response.timing
    reasons = [_reason(each) for each in response.choices if each.finish_reason not in NO_REASON]
    found: Attributes = {
        "gen_ai.response.model": response.model,
        "gen_ai.response.id": _id(response.raw),
        "asyncllm.request_id": response.request_id,
        "gen_ai.response.finish_reasons": reasons or None,
        "gen_ai.response.time_to_first_chunk": timing.first_token if streamed and timing else None,
        **({} if response.usage is None else _tokens(response.usage)),
    }
    return {name: value for name, value in found.items() if value is not None}


def content_attributes(
    model: Model, call: Prepared | None, response: Response | None, keys: Keys
) -> Attributes:
    """Return what was asked and answered, word for word but for *keys*."""
    found: Attributes = {}
    if call is not None:
        apart = _apart(model, call)
        turns = [each for each in call.request.messages if not _is_in(apart, each)]
        found["gen_ai.input.messages"] = [_message(each.role, each.text) for each in turns]
        if apart:
            found["gen_ai.system_instructions"] = [_text(apart)]
    if response is not None:
        found["gen_ai.output.messages"] = [
            {**_message("assistant", choice.text, choice.reasoning), "finish_reason": _reason(choice)}
            for choice in response.choices
        ]
    return {name: json.dumps(as_json(value, keys)) for name, value in found.items()}


def _apart(model: Model, call: Prepared) -> str:
    """Return the system prompt that was sent apart from the conversation."""
    body: Any = None
    with suppress(LLMError):  # What cannot be sent was not.
        body = model.rulebook.wire(call.request).body
    if not isinstance(body, Mapping):
        return ""
    fields = cast("Mapping[str, Any]", body)
    return next((text for name in APART if isinstance(text := fields.get(name), str)), "")


def _is_in(apart: str, message: Message) -> bool:
    return message.role in {"system", "developer"} and bool(message.text) and message.text in apart


def _message(role: str, text: str, reasoning: str = "") -> Attributes:
    thought = [{"type": "reasoning", "content": reasoning}] if reasoning else []
    return {"role": role, "parts": [*thought, _text(text)]}


def _text(text: str) -> Attributes:
    return {"type": "text", "content": text}


def _tokens(usage: Usage) -> Attributes:
    counts = {name: getattr(usage, name) for name in TOKENS}
    return {TOKENS[name]: count for name, count in counts.items() if count or name in ALWAYS}


def _reason(choice: Choice) -> str:
    return REASONS.get(choice.finish_reason, choice.finish_reason)


def _id(raw: Any) -> str | None:
    """Return the answer's own id; a streamed one is not kept."""
    said = cast("Mapping[str, Any]", raw).get("id") if isinstance(raw, Mapping) else None
    return said if isinstance(said, str) else None
