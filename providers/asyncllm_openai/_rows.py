"""Rows of OpenAI's own: parameters that take more than another name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asyncllm.provider import Message, Role
from asyncllm.rules import Applied

from ._schema import closed, is_strict


def by_text(biases: Mapping[int, float]) -> dict[str, float]:
    """Return *biases* as JSON has them: its keys are texts."""
    return {str(token): bias for token, bias in biases.items()}


@dataclass(frozen=True, slots=True)
class WholeBiases:
    """The provider takes ``logit_bias`` in whole numbers."""

    def apply(self, name: str, value: Mapping[int, float], asked: Mapping[str, Any]) -> Applied:
        whole = {token: round(bias) for token, bias in value.items()}
        options = {name: by_text(whole)}
        if whole != value:
            return Applied(verdict="clamped", sent=whole, reason="accepts whole numbers", options=options)
        return Applied(verdict="native", sent=whole, options=options)


@dataclass(frozen=True, slots=True)
class Logprobs:
    """Chat Completions' two keys for ``logprobs``."""

    least: int = 0
    """How many of the likeliest tokens the server tells at least."""

    def apply(self, name: str, value: int, asked: Mapping[str, Any]) -> Applied:
        told = max(value, self.least)
        options = {"logprobs": True} | ({"top_logprobs": told} if told else {})
        if told != value:
            reason = f"tells {told} of the likeliest at least"
            return Applied(verdict="translated", sent=told, reason=reason, options=options)
        return Applied(verdict="renamed", sent=told, reason="as logprobs and top_logprobs", options=options)


@dataclass(frozen=True, slots=True)
class IncludedLogprobs:
    """The Responses API's two keys for ``logprobs``."""

    def apply(self, name: str, value: int, asked: Mapping[str, Any]) -> Applied:
        options = {"include": ["message.output_text.logprobs"], "top_logprobs": value}
        return Applied(verdict="renamed", sent=value, reason="as include and top_logprobs", options=options)


@dataclass(frozen=True, slots=True)
class InFormat:
    """A row for ``response_format``."""

    shaped: Callable[[dict[str, Any]], dict[str, Any]]
    """From Chat Completions' ``response_format`` to the body's keys."""
    holds_to_any: bool = False
    """Whether the server holds an answer to any schema; OpenAI does so only to strict ones."""
    wish: str = (
        "only a wish: OpenAI holds answers to schemas whose objects require all they may have, "
        "and whose $refs stand alone"
    )
    """Why a schema is not strict, and what that comes to."""

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        if value == "json":
            options = self.shaped({"type": "json_object"})
            return Applied(verdict="renamed", sent=value, reason="as json_object", options=options)

        if self.holds_to_any:
            return self._held(value, {"schema": value})
        if is_strict(tight := closed(value)):
            return self._held(value, {"schema": tight, "strict": True})
        options = self.shaped(_named({"schema": value, "strict": False}))
        return Applied(verdict="clamped", sent=value, reason=self.wish, options=options)

    def _held(self, asked: Any, schema: dict[str, Any]) -> Applied:
        options = self.shaped(_named(schema))
        if schema["schema"] == asked:
            return Applied(verdict="renamed", sent=asked, reason="as json_schema", options=options)
        reason = "as json_schema, its objects closed to further keys"
        return Applied(verdict="translated", sent=schema["schema"], reason=reason, options=options)


def _named(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", **schema}}


def in_chat(response_format: dict[str, Any]) -> dict[str, Any]:
    """Return *response_format* as Chat Completions takes it."""
    return {"response_format": response_format}


def in_responses(response_format: dict[str, Any]) -> dict[str, Any]:
    """Return *response_format* as the Responses API takes it: flat."""
    schema = response_format.get("json_schema", {})
    return {"text": {"format": {"type": response_format["type"], **schema}}}


@dataclass(frozen=True, slots=True)
class SaidAs:
    """The provider lacks a role; *role* says the task in its place (a row for ``role``)."""

    role: Role
    reason: str

    def apply(self, name: str, value: Role, asked: Mapping[str, Any]) -> Applied:
        return Applied(verdict="translated", sent=self.role, reason=self.reason, role=self.role)


@dataclass(frozen=True, slots=True)
class Speakers:
    """The provider lacks some roles; others say on the wire what they said (a row for ``messages``)."""

    called: Mapping[Role, Role]
    reason: str

    def apply(self, name: str, value: Sequence[Message], asked: Mapping[str, Any]) -> Applied:
        if not any(message.role in self.called for message in value):
            return Applied(verdict="native")
        return Applied(verdict="translated", reason=self.reason)


@dataclass(frozen=True, slots=True)
class OnlyInResponses:
    """The model answers only in the Responses API (a row for ``model_name``)."""

    reason: str = "this model answers only in the Responses API"

    def apply(self, name: str, value: str, asked: Mapping[str, Any]) -> Applied:
        return Applied(verdict="translated", sent=value, reason=self.reason)
