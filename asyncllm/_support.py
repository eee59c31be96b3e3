"""What becomes of each parameter under one of a provider's tables: found by trying it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from ._accepts import accepted
from ._prepare import Prepared, prepare
from ._types import Adjustment, Count, Verdict
from ._vocabulary import PARAMETERS, Params
from .errors import InvalidParameter, InvalidTask
from .provider import Provider, Table, estimated
from .rules import Rules

REACHES: frozenset[Verdict] = frozenset({"native", "renamed", "translated", "clamped"})
"""Verdicts with which something reaches the provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """What becomes of one parameter."""

    parameter: str
    verdict: Verdict
    wire: tuple[str, ...] = ()
    """The keys of the body, and the headers, that it became: ``"output_config.effort"``."""
    accepts: str = ""
    """Which values reach the provider as they are, where not all do that the parameter takes."""
    reason: str = ""


def supported(provider: Provider, table: Table, name: str = "") -> tuple[Support, ...]:
    """
    Return what becomes of each parameter under *table*, in the vocabulary's order.

    Each is tried with an ordinary value, and beside what gives it something to
    do: ``length_penalty`` beside ``num_beams``. Rows are applied and not looked
    into, so a plugin's own kinds of rows will do.

    Args:
        provider: An instance made with the table's settings; it need not be open.

        table: The table; for a single model, ``Table(name=model, model=model)``.

        name: The name under which the provider is installed.
    """
    trials = _Trials(provider, table, name)
    return (*trials.of_the_model(), *map(trials.of, PARAMETERS))


@dataclass(frozen=True, slots=True)
class _Trials:
    """Calls that are prepared and never made."""

    provider: Provider
    table: Table
    name: str

    def of_the_model(self) -> Iterator[Support]:
        """Yield what becomes of the model's name, where the table says anything of it."""
        for verdict in self._prepared(self._context).verdicts:
            if verdict.parameter == "model_name":
                yield Support(parameter="model_name", verdict=verdict.verdict, reason=verdict.reason)

    def of(self, parameter: str) -> Support:
        value = self._ordinary(parameter)
        others = self._others(parameter, value)
        asked = {**others, parameter: value}
        try:
            call, without = self._prepared(asked), self._prepared(others)
        except InvalidParameter as error:
            return Support(parameter=parameter, verdict="inapplicable", reason=str(error))

        verdict = _verdict(parameter, call)
        wire = self._wire(others, asked)
        known = {parameter, *(each.parameter for each in without.verdicts)}
        besides = [each.reason for each in call.verdicts if each.parameter not in known]
        return Support(
            parameter=parameter,
            verdict=verdict.verdict,
            wire=wire,
            accepts=self._accepts(parameter, value, others) if verdict.verdict in REACHES else "",
            reason="; ".join(filter(None, [_untold(verdict.reason, wire), *besides])),
        )

    @property
    def _context(self) -> Mapping[str, Any]:
        return cast("Mapping[str, Any]", self.table.params)

    def _ordinary(self, parameter: str) -> Any:
        # An empty namespace has nothing to pass.
        own = {"provider_options": {self.name: {"any_key": 1}}}
        return {**own, **self._context}.get(parameter, PARAMETERS[parameter].sample)

    def _others(self, parameter: str, value: Any) -> dict[str, Any]:
        """Return what to ask for beside *parameter*: what the table is for, and what keeps it from idling."""
        needed = {
            beside.other: PARAMETERS[beside.other].sample
            for beside in PARAMETERS[parameter].idle
            if beside.holds(value, None)
        }
        return {name: other for name, other in {**needed, **self._context}.items() if name != parameter}

    def _prepared(self, asked: Mapping[str, Any], count: Count | None = None) -> Prepared:
        def rulebook(params: Mapping[str, Any]) -> Rules:
            return self.provider.rules(self.table.model, cast("Params", params))

        return prepare("Hi", asked, rulebook, provider=self.name, model=self.table.model, count=count)

    def _wire(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
        try:
            return tuple(_changed(self._sent(before), self._sent(after)))
        except InvalidTask:  # Said by the system, the one message there is may be no conversation.
            return ()

    def _sent(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        call = self._prepared(asked)
        if call.length is not None:
            call = self._prepared(asked, estimated(call.request))
        wire = self.provider.wire(call.request)
        return {**wire.body, **wire.headers}

    def _accepts(self, parameter: str, ordinary: Any, others: Mapping[str, Any]) -> str:
        def reached(value: Any) -> Any:
            try:
                verdict = _verdict(parameter, self._prepared({**others, parameter: value}))
            except InvalidParameter:
                return None
            as_it_is = verdict.verdict in REACHES - {"clamped"}
            return value if as_it_is else verdict.sent

        return accepted(PARAMETERS[parameter].kind, ordinary, reached)


def _verdict(parameter: str, call: Prepared) -> Adjustment:
    return next(verdict for verdict in call.verdicts if verdict.parameter == parameter)


def _changed(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the keys of what is in *after*, and in *before* was otherwise or not at all."""
    for key, value in after.items():
        known = before.get(key)
        if key in before and known == value:
            continue
        if _is_object(value) and (_is_object(known) or len(value) == 1):
            yield from _changed(known or {}, value, f"{path}{key}.")
        else:
            yield path + key


def _is_object(value: Any) -> bool:
    """Say whether *value* has named parts: keys that are token ids, say, are no names."""
    return isinstance(value, Mapping) and all(str(key).isidentifier() for key in cast("Any", value))


def _untold(reason: str, wire: tuple[str, ...]) -> str:
    """Return *reason* without what merely names keys, as in "as stop": *wire* tells these better."""
    names = {name for key in wire for name in (key, *key.split("."))}
    said = [part for part in reason.split("; ") if not set(part.split()) <= {"as", "and", *names}]
    return "; ".join(said)
