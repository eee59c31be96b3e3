"""Rows of this engine's own kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asyncllm.errors import InvalidParameter
from asyncllm.rules import Applied, Inapplicable, Repeated, Rule, When

from ._devices import built, gpus, lacking, meant
from ._schema import ANY_OBJECT, grammar


@dataclass(frozen=True, slots=True)
class Placed:
    """The engine computes on the CPU, or on GPUs that llama.cpp has names for (a row for ``device``)."""

    def apply(self, name: str, value: str, asked: Mapping[str, Any]) -> Applied:
        there = gpus()
        names = meant(value, there)
        if value == "cpu":
            return Applied(verdict="native", sent=value, options={name: names})
        if not names and value != "auto":
            # As if none were asked for: the CPU, unless the LLM's settings say otherwise.
            return Applied(verdict="dropped", reason=lacking(value, there, built()))

        reason = "the model's layers are held there" if names else "llama.cpp sees no GPU"
        sent = ", ".join(names) or "cpu"
        return Applied(verdict="renamed", sent=sent, reason=reason, options={name: names})


@dataclass(frozen=True, slots=True)
class Held:
    """The answer is kept within a grammar (a row for ``response_format``)."""

    def apply(self, name: str, value: Any, asked: Mapping[str, Any]) -> Applied:
        text, left_out = grammar(ANY_OBJECT if value == "json" else value)
        options = {"grammar": text}
        if left_out:
            reason = f"as a grammar, which does not hold: {', '.join(left_out)}"
            return Applied(verdict="clamped", sent=value, reason=reason, options=options)
        return Applied(verdict="renamed", sent=value, reason="as a grammar", options=options)


@dataclass(frozen=True, slots=True)
class BestBeams:
    """A beam search returns several answers at once (a row for ``num_return_sequences``)."""

    def apply(self, name: str, value: int, asked: Mapping[str, Any]) -> Applied:
        return Applied(verdict="native", sent=value, options={name: value}, choices=value)


_NOT_DRAWN = "a beam search takes the likeliest continuations, unless do_sample=True draws them"


def beamed(row: Rule, beams: Rule) -> Rule:
    """Return the row of a parameter for which *row* holds, and in a beam search *beams*."""
    return When("num_beams", (None, 1), row, otherwise=beams)


def drawn(row: Rule) -> Rule:
    """Return the row of a parameter that says how to draw: beams are drawn only where that is asked for."""
    return beamed(row, When("do_sample", (True,), row, otherwise=Inapplicable(_NOT_DRAWN)))


SEVERAL = beamed(Repeated(), BestBeams())
"""Several answers, by several calls or by one search."""


def _has_beams(asked: Mapping[str, Any]) -> bool:
    return (asked.get("num_beams") or 1) > 1


def _for_others(providers: Sequence[str]) -> str:
    return f"not for this provider: {', '.join(providers)}" if providers else ""


@dataclass(frozen=True, slots=True)
class Option:
    """An option of the engine's own."""

    takes: str
    """What it takes, in words."""
    fits: Callable[[Any], bool]
    stands_for: str = ""
    """The parameter that does the same."""
    draws: bool = False
    """Whether it says how to draw."""


@dataclass(frozen=True, slots=True)
class Known:
    """
    Options of the engine's own (a row for ``provider_options``).

    They are checked here: there is no server that would refuse what it does not know.
    """

    provider: str
    options: Mapping[str, Option]

    def apply(self, name: str, value: Mapping[str, Any], asked: Mapping[str, Any]) -> Applied:
        others = [other for other in value if other != self.provider]
        own: Mapping[str, Any] = value.get(self.provider, {})
        for option, given in own.items():
            self._check(option, given, asked)
        aside = "; ".join(filter(None, [_for_others(others), self._idle(own, asked)]))
        if not own:
            return Applied(verdict="inapplicable" if others else "native", reason=aside or "nothing to pass")

        reason = "; ".join(filter(None, [f"options of the engine's: {', '.join(own)}", aside]))
        return Applied(verdict="translated", sent=own, reason=reason, options=own)

    def _idle(self, own: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
        idle = [option for option in own if self.options[option].draws]
        if not idle or not _has_beams(asked) or asked.get("do_sample"):
            return ""
        return f"{', '.join(idle)} has nothing to do: {_NOT_DRAWN}"

    def _check(self, option: str, given: Any, asked: Mapping[str, Any]) -> None:
        known = self.options.get(option)
        if known is None:
            there = ", ".join(sorted(self.options))
            raise InvalidParameter(f"the engine knows no option {option!r}; there are: {there}")
        if not known.fits(given):
            raise InvalidParameter(f"the option {option!r} takes {known.takes}; got {given!r}")
        if asked.get(known.stands_for) is not None:
            raise InvalidParameter(
                f"the option {option!r} and {known.stands_for} say the same; give one of them"
            )
