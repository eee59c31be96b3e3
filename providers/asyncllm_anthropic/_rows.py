"""Rows that only Anthropic needs: a budget for thinking, what hangs on it, and a schema as it wants it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from asyncllm.rules import Applied, Renamed, Rule

from ._schema import fitted

LEAST_BUDGET = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Mind:
    """What makes a model think."""

    max_tokens: int | None = None
    """How many tokens its answers have at most; None for a model that takes no budget."""
    by_effort: bool = False
    """Whether an effort does; otherwise only a budget."""

    def room(self, asked: Mapping[str, Any]) -> int:
        """Return the largest budget that a call has room for; no budget is less than :data:`LEAST_BUDGET`."""
        most = self.max_tokens or 0
        return min(asked.get("max_tokens") or most, most) - 1

    def is_budgeted(self, asked: Mapping[str, Any]) -> bool:
        """Say whether a call sends a budget."""
        wanted = asked.get("thinking_budget") and asked.get("reasoning_effort") != "none"
        return bool(wanted) and self.room(asked) >= LEAST_BUDGET

    def is_woken(self, asked: Mapping[str, Any]) -> bool:
        """Say whether it is the effort of a call that makes the model think."""
        is_free = asked.get("thinking_budget") != 0 and not self.is_budgeted(asked)
        return self.by_effort and is_free and asked.get("reasoning_effort") not in {None, "none"}

    def is_awake(self, asked: Mapping[str, Any]) -> bool:
        """Say whether a call makes the model think."""
        return self.is_budgeted(asked) or self.is_woken(asked)


@dataclass(frozen=True, slots=True)
class Budget:
    """The model thinks in so many of the answer's tokens at most (a row for ``thinking_budget``)."""

    mind: Mind

    def apply(self, name: str, value: int, asked: Mapping[str, Any]) -> Applied:
        most = self.mind.room(asked)
        if most < LEAST_BUDGET:
            reason = f"Anthropic takes {LEAST_BUDGET} at least, and less than max_tokens"
            return Applied(verdict="dropped", reason=reason)
        return Renamed("thinking", within=(LEAST_BUDGET, most), form=_enabled).apply(name, value, asked)


@dataclass(frozen=True, slots=True)
class Where:
    """What holds depends on all that is asked."""

    holds: Callable[[Mapping[str, Any]], bool]
    rule: Rule
    otherwise: Rule

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        return (self.rule if self.holds(asked) else self.otherwise).apply(name, value, asked)


@dataclass(frozen=True, slots=True)
class Formatted:
    """The answer fits a schema, as far as Anthropic holds it (a row for ``response_format``)."""

    def apply(self, name: str, value: Mapping[str, Any], asked: Mapping[str, Any]) -> Applied:
        schema, lost = fitted(value)
        options = {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
        if lost:
            reason = f"Anthropic does not hold: {', '.join(lost)}"
            return Applied(verdict="clamped", sent=schema, reason=reason, options=options)
        if schema == value:
            return Applied(verdict="renamed", sent=value, reason="as output_config", options=options)
        return Applied(
            verdict="translated",
            sent=schema,
            reason="Anthropic wants objects without further keys, and few keywords",
            options=options,
        )


def _enabled(budget: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": budget}
