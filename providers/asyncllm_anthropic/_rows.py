"""Rows that only Anthropic needs: a budget for thinking, and a schema as it wants it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from asyncllm.rules import Applied, Renamed

LEAST_BUDGET = 1024


@dataclass(frozen=True, slots=True)
class Budget:
    """The model thinks in so many of the answer's tokens at most (a row for ``thinking_budget``)."""

    max_tokens: int
    """How many tokens the model's answers have at most."""

    def apply(self, name: str, value: int, asked: Mapping[str, Any]) -> Applied:
        most = min(asked.get("max_tokens") or self.max_tokens, self.max_tokens) - 1
        if most < LEAST_BUDGET:
            reason = f"Anthropic takes {LEAST_BUDGET} at least, and less than max_tokens"
            return Applied(verdict="dropped", reason=reason)
        return Renamed("thinking", within=(LEAST_BUDGET, most), form=_enabled).apply(name, value, asked)


@dataclass(frozen=True, slots=True)
class Formatted:
    """The answer fits a schema, whose objects have to be closed (a row for ``response_format``)."""

    def apply(self, name: str, value: Mapping[str, Any], asked: Mapping[str, Any]) -> Applied:
        schema = _closed(value)
        options = {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
        if schema == value:
            return Applied(verdict="renamed", sent=value, reason="as output_config", options=options)
        return Applied(
            verdict="translated",
            sent=schema,
            reason="Anthropic wants objects without further keys",
            options=options,
        )


def _enabled(budget: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": budget}


def _closed(schema: Any) -> Any:
    """Return *schema* with those of its objects closed that do not say whether they are."""
    match schema:
        case [*several]:
            return [_closed(part) for part in several]
        case {**named}:
            closed = {name: _closed(part) for name, part in named.items()}
            return {"additionalProperties": False, **closed} if named.get("type") == "object" else closed
        case _:
            return schema
