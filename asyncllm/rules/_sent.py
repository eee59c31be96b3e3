"""Rows for what the provider knows, or does not."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from asyncllm._types import Message, Role
from asyncllm._vocabulary import EFFORTS, ROLES, Effort

from ._row import Applied, as_it_is, check_range


@dataclass(frozen=True, slots=True)
class Native:
    """The provider knows the parameter under this name; what is outside its range is clamped."""

    within: tuple[float, float] = (-math.inf, math.inf)

    def __post_init__(self) -> None:
        check_range(self.within)

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        return Renamed(name, within=self.within).apply(name, value, asked)


@dataclass(frozen=True, slots=True)
class Renamed:
    """The provider knows the parameter by another name, and perhaps in another form."""

    to: str
    within: tuple[float, float] = (-math.inf, math.inf)
    form: Callable[[Any], Any] = as_it_is
    also: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What belongs to saying it: other keys of the body."""

    def __post_init__(self) -> None:
        check_range(self.within)

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        low, high = self.within
        sent = value
        if isinstance(value, int | float) and not low <= value <= high:
            nearest = min(max(value, low), high)
            sent = type(value)(nearest) if type(value)(nearest) == nearest else nearest
        options = {**self.also, self.to: self.form(sent)}
        if sent != value:
            return Applied(
                verdict="clamped", sent=sent, reason=f"accepts {_span(low, high)}", options=options
            )

        return _said(name, self.to, sent, options, plain=self.form is as_it_is and not self.also)


@dataclass(frozen=True, slots=True)
class Choices:
    """The provider returns several answers to one call (a row for ``num_return_sequences``)."""

    to: str
    at_most: int

    def apply(self, name: str, value: int, asked: Mapping[str, Any]) -> Applied:
        if value > self.at_most:
            return Repeated(f"one call returns {self.at_most} at most").apply(name, value, asked)
        return Applied(
            verdict="renamed", sent=value, reason=f"as {self.to}", options={self.to: value}, choices=value
        )


@dataclass(frozen=True, slots=True)
class Nearest:
    """The provider knows some of the levels of ``reasoning_effort``; the nearest of them is sent."""

    to: str
    levels: tuple[Effort, ...]
    form: Callable[[Any], Any] = as_it_is

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        sent = min(self.levels, key=lambda level: abs(EFFORTS.index(level) - EFFORTS.index(value)))
        options = {self.to: self.form(sent)}
        if sent != value:
            return Applied(
                verdict="clamped", sent=sent, reason=f"knows {', '.join(self.levels)}", options=options
            )

        return _said(name, self.to, sent, options, plain=self.form is as_it_is)


@dataclass(frozen=True, slots=True)
class Leading:
    """The provider takes the parameter as a message before the conversation."""

    role: Role
    """The message's role."""

    def apply(self, name: str, value: str, asked: Mapping[str, Any]) -> Applied:
        reason = f"as a message of the role {self.role}"
        return Applied(verdict="renamed", sent=value, reason=reason, leading=(Message(self.role, value),))


@dataclass(frozen=True, slots=True)
class Roles:
    """The provider lets some roles say the task (a row for ``role``)."""

    known: tuple[Role, ...] = ROLES
    """Those that may."""
    reason: str = ""
    """Why not the others: the user says it then."""
    called: Mapping[Role, Role] = field(default_factory=dict[Role, Role])
    """Those that the provider has another word for."""

    def apply(self, name: str, value: Role, asked: Mapping[str, Any]) -> Applied:
        role = self.called.get(value, value)
        if role not in self.known:
            return Applied(verdict="clamped", sent="user", reason=self.reason, role="user")
        if role != value:
            return Applied(verdict="renamed", sent=role, reason=f"as {role}", role=role)
        return Applied(verdict="native", sent=role, role=role)


@dataclass(frozen=True, slots=True)
class Folded:
    """The provider knows fewer seeds than callers may name: a larger one stands for its remainder."""

    seeds: int

    def apply(self, name: str, value: int, asked: Mapping[str, Any]) -> Applied:
        sent = value % self.seeds
        options = {name: sent}
        if sent == value:
            return Applied(verdict="native", sent=sent, options=options)
        return Applied(verdict="translated", sent=sent, reason=f"knows {self.seeds} seeds", options=options)


@dataclass(frozen=True, slots=True)
class Unsupported:
    """The provider lacks the parameter, and nothing can stand in for it."""

    reason: str = "not supported"
    default: Any = None
    """The value that the provider has anyway: whoever asks for it gets it, unsent."""

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        if value == self.default and isinstance(value, bool) is isinstance(self.default, bool):
            return Applied(verdict="native", reason="what the provider does anyway")
        return Applied(verdict="dropped", reason=self.reason)


@dataclass(frozen=True, slots=True)
class Inapplicable:
    """The provider leaves the parameter nothing to do; nothing is lost without it."""

    reason: str

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        return Applied(verdict="inapplicable", reason=self.reason)


@dataclass(frozen=True, slots=True)
class Repeated:
    """A call returns one answer, so asyncllm asks several times (a row for ``num_return_sequences``)."""

    reason: str = "a call returns one answer, so there are several calls"

    def apply(self, name: str, value: int, asked: Mapping[str, Any]) -> Applied:
        if value == 1:
            return Applied(verdict="native", reason="what the provider does anyway")
        return Applied(verdict="emulated", calls=value, reason=self.reason)


def _said(name: str, to: str, sent: Any, options: Mapping[str, Any], *, plain: bool) -> Applied:
    """Return the parameter *name* as it was sent, just as asked, under the name *to*."""
    if plain and to == name:
        return Applied(verdict="native", sent=sent, options=options)
    return Applied(verdict="renamed", sent=sent, reason=f"as {to}", options=options)


def _span(low: float, high: float) -> str:
    if math.isinf(high):
        return f"{low:g} and more"

    return f"up to {high:g}" if math.isinf(low) else f"{low:g} to {high:g}"
