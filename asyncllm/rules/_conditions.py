"""Rows that hold around another: under a condition, with something along, or even where nothing was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from asyncllm._types import Adjustment

from ._row import Applied, Rule
from ._sent import Unsupported


@dataclass(frozen=True, slots=True)
class When:
    """What holds depends on another parameter."""

    other: str
    among: tuple[Any, ...]
    """The other's values with which *rule* holds; None is "not given"."""
    rule: Rule
    otherwise: Rule

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        holds = asked.get(self.other) in self.among
        return (self.rule if holds else self.otherwise).apply(name, value, asked)


def exclusive(other: str, rule: Rule) -> When:
    """Return the row of a parameter that the provider refuses beside *other*, which wins."""
    return When(other, (None,), rule, otherwise=Unsupported(f"cannot be combined with {other}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class With:
    """The provider takes the parameter if something else travels along."""

    rule: Rule
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    reason: str = ""

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        applied = self.rule.apply(name, value, asked)
        if not applied.options:
            return applied

        along = tuple(
            Adjustment(parameter=key, verdict="translated", asked=None, sent=sent, reason=self.reason)
            for key, sent in {**self.options, **self.headers}.items()
        )
        return replace(
            applied,
            options={**self.options, **applied.options},
            headers={**self.headers, **applied.headers},
            besides=(*applied.besides, *along),
        )


@dataclass(frozen=True, slots=True)
class Inside:
    """The provider takes the parameter within an object of its request."""

    key: str
    """The object's name."""
    rule: Rule
    note: str = ""
    """What else there is to know."""

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        applied = self.rule.apply(name, value, asked)
        if not applied.options:
            return applied

        reason = "; ".join(filter(None, (applied.reason, self.note)))
        return replace(applied, options={self.key: applied.options}, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Required:
    """The provider insists on the parameter; *default* is sent, and reported, where the caller gave none."""

    rule: Rule
    default: Any
    reason: str = ""

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        if value is not None:
            return self.rule.apply(name, value, asked)

        applied = self.rule.apply(name, self.default, asked)
        return replace(applied, verdict="translated", sent=self.default, reason=self.reason)


@dataclass(frozen=True, slots=True)
class Assumed:
    """The model is not in the provider's table; it is treated like another (a row for ``model_name``)."""

    like: str

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        reason = f"{value!r} is in no table yet; treated like {self.like}"
        return Applied(verdict="translated", sent=value, reason=reason)
