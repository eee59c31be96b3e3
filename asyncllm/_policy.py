"""What the caller wants to have done, and to hear, where a parameter is not taken just as asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, cast, get_args

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

NAMES = frozenset({*PARAMETERS, *ALIASES})
"""What a policy can be for."""
ROWS = NAMES | {"model_name"}
"""What a row can be for."""


def checked_policies(given: Mapping[str, Any]) -> dict[str, Policy]:
    """
    Return *given* by canonical names.

    Raises:
        UnknownParameter: There is no such parameter.
        InvalidParameter: There is no such policy.
    """
    for name, policy in given.items():
        if name not in NAMES:
            raise unknown(name, NAMES)
        if policy not in get_args(Policy):
            raise InvalidParameter(
                f"a policy is one of {', '.join(get_args(Policy))}; got {policy!r} for {name}"
            )
    return {ALIASES.get(name, name): cast("Policy", policy) for name, policy in given.items()}


def checked_rules(given: Mapping[str, Any]) -> Rules:
    """
    Return *given* by canonical names.

    Raises:
        UnknownParameter: There is no such parameter.
        InvalidParameter: What is given for one is no row of a table.
    """
    for name, rule in given.items():
        if name not in ROWS:
            raise unknown(name, ROWS)
        if not isinstance(rule, Rule):
            raise InvalidParameter(
                f"a rule has a method apply, as those of asyncllm.rules; got {rule!r} for {name}"
            )
    return {ALIASES.get(name, name): rule for name, rule in given.items()}


def reported(verdicts: tuple[Adjustment, ...], policies: Mapping[str, Policy]) -> tuple[Adjustment, ...]:
    """Return those of *verdicts* that the caller wants to hear of: whatever is not done just as asked."""
    return tuple(
        verdict
        for verdict in verdicts
        if verdict.verdict not in DONE and policies.get(verdict.parameter) != "ignore"
    )


def refuse(verdicts: tuple[Adjustment, ...], policies: Mapping[str, Policy], *, strict: bool) -> None:
    """
    Raise where a parameter that the caller requires would not be done just as asked.

    What is merely said otherwise (``translated``), or has nothing to do
    (``inapplicable``), loses nothing.
    """
    default: Policy = "require" if strict else "adapt"
    lost = [
        verdict
        for verdict in verdicts
        if verdict.verdict in LOST and policies.get(verdict.parameter, default) == "require"
    ]
    if lost:
        raise UnsupportedParameter(
            "required, and the provider would not do just what was asked: " + "; ".join(map(str, lost))
        )
