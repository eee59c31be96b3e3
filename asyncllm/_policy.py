"""What the caller wants to have done, and to hear, where a parameter is not taken just as asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias, cast, get_args

from . import _log
from ._types import DONE, LOST, Adjustment
from ._vocabulary import ALIASES, PARAMETERS, unknown
from .errors import InvalidParameter, UnsupportedParameter
from .rules import Rule, Rules

Policy: TypeAlias = Literal["adapt", "require", "ignore"]
"""
What to do where the provider does not take a parameter just as asked.

``adapt``
    Do what can be done, and report it.
``require``
    Raise :exc:`UnsupportedParameter` before anything is sent.
``ignore``
    Do what can be done, and say nothing.
"""

Verdicts: TypeAlias = tuple[Adjustment, ...]

NAMES = frozenset({*PARAMETERS, *ALIASES, "model_name"})
"""What a policy can be for."""
ROWS = NAMES | {"messages"}
"""What a row can be for."""


class Policies:
    """
    What to do with the verdicts on a call's parameters.

    Args:
        given: Policies by parameters' names.

        strict: Whether ``"require"`` holds for the parameters without one, or ``"adapt"``.

    Raises:
        UnknownParameter: There is no such parameter.
        InvalidParameter: There is no such policy.
    """

    def __init__(self, given: Mapping[str, Any], *, strict: bool) -> None:
        self.given: dict[str, Policy] = _by_name("policy", given, NAMES)
        for name, policy in self.given.items():
            if policy not in get_args(Policy):
                known = ", ".join(get_args(Policy))
                raise InvalidParameter(f"a policy is one of {known}; got {policy!r} for {name}")
        self.strict = strict
        self._logged: set[tuple[str, ...]] = set()

    def refusal(self, verdicts: Verdicts) -> UnsupportedParameter | None:
        """
        Return the error that the call has to raise, if a required parameter would not be done just as asked.

        What is merely said otherwise (``translated``), or has nothing to do
        (``inapplicable``), loses nothing; only of the model's name whoever requires
        it means that it has to be known.
        """
        default: Policy = "require" if self.strict else "adapt"
        lost = [
            verdict
            for verdict in verdicts
            if (verdict.verdict in LOST and self.given.get(verdict.parameter, default) == "require")
            or (verdict.parameter == "model_name" and self.given.get("model_name") == "require")
        ]
        if not lost:
            return None
        return UnsupportedParameter(
            "required, and the provider would not do just what was asked: " + "; ".join(map(str, lost))
        )

    def reported(self, verdicts: Verdicts) -> Verdicts:
        """Return those that the caller wants to hear of: whatever is not done just as asked."""
        return tuple(
            verdict
            for verdict in verdicts
            if verdict.verdict not in DONE and self.given.get(verdict.parameter) != "ignore"
        )

    def log(self, verdicts: Verdicts, *, model: str, warn: Callable[..., None] = _log.warn) -> None:
        """Log each kind of adjustment once, without its values: they may be prompts, or a million seeds."""
        for verdict in self.reported(verdicts):
            kind = (verdict.parameter, verdict.verdict, verdict.reason)
            if kind not in self._logged:
                self._logged.add(kind)
                warn(
                    "parameter_adjusted",
                    model=model,
                    parameter=verdict.parameter,
                    verdict=verdict.verdict,
                    reason=verdict.reason,
                )


def checked_rules(given: Mapping[str, Any]) -> Rules:
    """
    Return a caller's rows by canonical names.

    Raises:
        UnknownParameter: There is no such parameter.
        InvalidParameter: What is given for one is no row of a table.
    """
    rules: Rules = _by_name("rules", given, ROWS)
    for name, rule in rules.items():
        if isinstance(rule, type) or not isinstance(rule, Rule):
            raise InvalidParameter(
                f"a rule has a method apply, as those of asyncllm.rules; got {rule!r} for {name}"
            )
    return rules


def _by_name(keyword: str, given: Any, names: frozenset[str]) -> dict[str, Any]:
    """Return *given* by canonical names."""
    if not isinstance(cast("object", given), Mapping):
        raise InvalidParameter(f"{keyword} takes a mapping from parameters' names; got {given!r}")

    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in names:
            raise unknown(str(name), names)
        if found.setdefault(ALIASES.get(name, name), value) != value:
            raise InvalidParameter(f"{keyword}: {name} and {ALIASES.get(name, name)} are one parameter")
    return found
