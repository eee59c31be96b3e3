"""Rows for what asyncllm does itself, once for all providers that lack it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asyncllm.errors import InvalidParameter

from ._row import Applied, Rule, Rules
from ._sent import Inapplicable, Repeated, Roles, Unsupported


@dataclass(frozen=True, slots=True)
class StopTokens:
    """The provider looks for stop tokens, for some of them at least; asyncllm looks for the others."""

    to: str | None = None
    """The provider's name for them; None where it takes none."""
    at_most: int | None = None
    """How many the provider takes."""
    takes: Callable[[str], bool] = bool
    """Which ones it takes."""
    reason: str = "the provider takes no stop tokens"
    """Why it does not take all."""

    def apply(self, name: str, value: Sequence[str], asked: Mapping[str, Any]) -> Applied:
        taken = [] if self.to is None else [stop for stop in value if self.takes(stop)][: self.at_most]
        options = {self.to: taken} if self.to and taken else {}
        rest = tuple(stop for stop in value if stop not in taken)
        if not rest:
            return Applied(verdict="renamed", sent=tuple(taken), reason=f"as {self.to}", options=options)
        return Applied(
            verdict="emulated", sent=tuple(taken) or None, reason=self.reason, options=options, stops=rest
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """The provider limits the answer alone, so asyncllm counts the prompt (a row for ``max_length``)."""

    def apply(self, name: str, value: int, asked: Mapping[str, Any]) -> Applied:
        return Applied(verdict="emulated", length=value, reason="what the prompt leaves of it is max_tokens")


@dataclass(frozen=True, slots=True)
class Greedy:
    """The provider samples unless its temperature is 0 (a row for ``do_sample``)."""

    temperature: Rule

    def apply(self, name: str, value: bool, asked: Mapping[str, Any]) -> Applied:
        if value:
            return Applied(verdict="native", reason="what the provider does anyway")

        cold = self.temperature.apply("temperature", 0, asked)
        if not cold.options:
            return Applied(verdict="dropped", reason=cold.reason)
        return Applied(
            verdict="clamped" if cold.sent else "translated",
            sent={"temperature": cold.sent},
            reason="the coldest sampling there is",
            options=cold.options,
            headers=cold.headers,
            besides=cold.besides,
        )


@dataclass(frozen=True, slots=True)
class Timed:
    """asyncllm looks at the clock (a row for ``timeout``)."""

    def apply(self, name: str, value: float, asked: Mapping[str, Any]) -> Applied:
        return Applied(verdict="native", reason="asyncllm looks at the clock")


FRAME = frozenset({"model", "messages", "input", "stream", "stream_options"})
"""What frames a request: it decides how the answer is read."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What is there for this provider goes on as it stands (a row for ``provider_options``)."""

    provider: str

    def apply(self, name: str, value: Mapping[str, Any], asked: Mapping[str, Any]) -> Applied:
        own, others = value.get(self.provider), [other for other in value if other != self.provider]
        if not own:
            return Applied(verdict="inapplicable", reason=f"for {', '.join(others) or 'nobody'}")

        if held := sorted(FRAME & own.keys()):
            raise InvalidParameter(f"provider_options cannot say {held[0]!r}: asyncllm says that itself")
        return Applied(
            verdict="translated", sent=own, reason=f"passed on unchecked: {', '.join(own)}", options=own
        )


OURS: Rules = {
    "stop_token":           StopTokens(),
    "num_return_sequences": Repeated(),
    "max_length":           Counted(),
    "role":                 Roles(),
    "timeout":              Timed(),
    "num_beams":            Unsupported("no beam search", default=1),
    "device":               Inapplicable("the provider's machines are its own"),
    "pad_token_id":         Inapplicable("an answer is a text, not a matrix of tokens"),
}  # fmt: skip
"""What asyncllm can do itself, and what is nobody's business over a network."""


def completed(rules: Rules, provider: str) -> Rules:
    """Return *rules* with rows for what asyncllm can do itself, where there are none."""
    cold = Greedy(rules.get("temperature", Unsupported()))
    return {**OURS, "do_sample": cold, "provider_options": Passed(provider), **rules}
