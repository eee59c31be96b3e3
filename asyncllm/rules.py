"""
How a parameter reaches a provider.

A provider states its rules as a table, one row a parameter::

    RULES: Rules = {
        "temperature":   Native(within=(0, 2)),
        "max_tokens":    Renamed("max_completion_tokens"),
        "stop_token":    StopTokens("stop", at_most=4),
        "system_prompt": Leading("system"),
        "top_k":         Unsupported("OpenAI has no top-k sampling"),
    }

A parameter without a row is unsupported. Rows are data: they are checked,
printed and compared as well as applied.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias, runtime_checkable

from ._types import Adjustment, Message
from ._vocabulary import EFFORTS, Effort

__all__ = [
    "Applied",
    "Assumed",
    "Emulated",
    "Exclusive",
    "Leading",
    "Native",
    "Nearest",
    "Renamed",
    "Required",
    "Rule",
    "Rules",
    "StopTokens",
    "Unsupported",
    "With",
]


def _nothing() -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a row made of one value."""

    options: Mapping[str, Any] = field(default_factory=_nothing)
    """Keys for the body of the request."""
    headers: Mapping[str, str] = field(default_factory=_nothing)
    """Headers for the request."""
    leading: tuple[Message, ...] = ()
    """Messages to put before the conversation."""
    stops: tuple[str, ...] = ()
    """Stop tokens that asyncllm has to look for itself."""
    adjustments: tuple[Adjustment, ...] = ()
    """What differs from what was asked."""


@runtime_checkable
class Rule(Protocol):
    """One row of the table. Any object with this method will do."""

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        """
        Say how the parameter *name* is sent.

        Args:
            name: The parameter's canonical name.

            value: Its checked value; None only for a :class:`Required` row
                whose parameter was not given.

            asked: All parameters of the call, for rows that depend on another.
        """
        ...


Rules: TypeAlias = Mapping[str, Rule]
"""A provider's table: canonical parameter to row."""


@dataclass(frozen=True, slots=True)
class Native:
    """The provider knows the parameter under this name; what is outside its range is clamped."""

    within: tuple[float, float] = (-math.inf, math.inf)

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        return Renamed(name, within=self.within).apply(name, value, asked)


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Renamed:
    """The provider knows the parameter by another name, and perhaps in another form."""

    to: str
    within: tuple[float, float] = (-math.inf, math.inf)
    form: Callable[[Any], Any] = _as_it_is

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        low, high = self.within
        if not isinstance(value, int | float) or low <= value <= high:
            return Applied(options={self.to: self.form(value)})

        sent = type(value)(min(max(value, low), high))
        change = Adjustment(
            parameter=name, verdict="clamped", asked=value, sent=sent, reason=f"accepts {_span(low, high)}"
        )
        return Applied(options={self.to: self.form(sent)}, adjustments=(change,))


@dataclass(frozen=True, slots=True)
class Nearest:
    """The provider knows some of the levels of ``reasoning_effort``; the nearest of them is sent."""

    to: str
    levels: tuple[Effort, ...]
    form: Callable[[Any], Any] = _as_it_is

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        sent = min(self.levels, key=lambda level: abs(EFFORTS.index(level) - EFFORTS.index(value)))
        options = {self.to: self.form(sent)}
        if sent == value:
            return Applied(options=options)

        reason = f"knows {', '.join(self.levels)}"
        change = Adjustment(parameter=name, verdict="clamped", asked=value, sent=sent, reason=reason)
        return Applied(options=options, adjustments=(change,))


@dataclass(frozen=True, slots=True)
class StopTokens:
    """The provider looks for stop tokens, for some of them at least; asyncllm looks for the others."""

    to: str
    at_most: int | None = None
    """How many the provider takes."""
    takes: Callable[[str], bool] = bool
    """Which ones it takes."""
    reason: str = "the provider does not take all of them"
    """Why it does not take the others."""

    def apply(self, name: str, value: Sequence[str], asked: Mapping[str, Any]) -> Applied:
        sent = [stop for stop in value if self.takes(stop)][: self.at_most]
        rest = tuple(stop for stop in value if stop not in sent)
        options = {self.to: sent} if sent else {}
        if not rest:
            return Applied(options=options)

        change = Adjustment(
            parameter=name,
            verdict="emulated",
            asked=tuple(value),
            sent=tuple(sent) or None,
            reason=self.reason,
        )
        return Applied(options=options, stops=rest, adjustments=(change,))


@dataclass(frozen=True, slots=True)
class Emulated:
    """The provider does not look for stop tokens; asyncllm does, and cuts the stream at the first."""

    reason: str = "the provider takes no stop tokens"

    def apply(self, name: str, value: Sequence[str], asked: Mapping[str, Any]) -> Applied:
        change = Adjustment(parameter=name, verdict="emulated", asked=tuple(value), reason=self.reason)
        return Applied(stops=tuple(value), adjustments=(change,))


@dataclass(frozen=True, slots=True)
class Leading:
    """The provider takes the parameter as a message before the conversation."""

    role: Any
    """The message's role."""

    def apply(self, name: str, value: str, asked: Mapping[str, Any]) -> Applied:
        return Applied(leading=(Message(self.role, value),))


@dataclass(frozen=True, slots=True)
class Unsupported:
    """The provider lacks the parameter, and nothing can stand in for it."""

    reason: str = "not supported"
    default: Any = None
    """The value that the provider has anyway: whoever asks for it gets it, unsent."""

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        if value == self.default:
            return Applied()

        change = Adjustment(parameter=name, verdict="dropped", asked=value, reason=self.reason)
        return Applied(adjustments=(change,))


@dataclass(frozen=True, slots=True)
class Exclusive:
    """The provider refuses the parameter beside another, which wins."""

    other: str
    rule: Rule
    """What holds where the other was not given."""

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        if asked.get(self.other) is None:
            return self.rule.apply(name, value, asked)

        return Unsupported(f"cannot be combined with {self.other}").apply(name, value, asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class With:
    """The provider takes the parameter if something else travels along."""

    rule: Rule
    options: Mapping[str, Any] = field(default_factory=_nothing)
    headers: Mapping[str, str] = field(default_factory=_nothing)
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
            adjustments=(*applied.adjustments, *along),
        )


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
        change = Adjustment(
            parameter=name, verdict="translated", asked=None, sent=self.default, reason=self.reason
        )
        return replace(applied, adjustments=(*applied.adjustments, change))


@dataclass(frozen=True, slots=True)
class Assumed:
    """The model is not in the provider's table; it is treated like another (a row for ``model_name``)."""

    like: str

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        reason = f"{value!r} is in no table yet; treated like {self.like}"
        return Applied(
            adjustments=(
                Adjustment(parameter=name, verdict="translated", asked=value, sent=value, reason=reason),
            )
        )


def _span(low: float, high: float) -> str:
    if math.isinf(high):
        return f"{low:g} and more"

    return f"up to {high:g}" if math.isinf(low) else f"{low:g} to {high:g}"
