"""A row of a provider's table, and what applying it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable

from asyncllm._types import Adjustment, Message, Role, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a row made of one value. It cannot be silent: a verdict is always part of it."""

    verdict: Verdict
    sent: Any = None
    """The value that the provider gets; None where it gets none."""
    reason: str = ""
    """Why it is not just as asked."""

    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Keys for the body of the request."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Headers for the request."""
    besides: tuple[Adjustment, ...] = ()
    """What else differs from what was asked."""

    leading: tuple[Message, ...] = ()
    """Messages to put before the conversation."""
    role: Role | None = None
    """Who says the task, where it is a text."""
    stops: tuple[str, ...] = ()
    """Stop tokens that asyncllm has to look for itself."""
    calls: int = 1
    """How often asyncllm has to ask for an answer."""
    choices: int = 1
    """How many texts each answer will hold."""
    kept: int | None = None
    """How many of the texts are the caller's, the first of them; None is all."""
    length: int | None = None
    """What prompt and answer may come to together: asyncllm has to count the prompt."""


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
"""
A provider's table: canonical parameter to row.

Two rows are for what is no parameter: ``model_name``, and ``messages``, whose value
is what is said, for a provider that cannot say it all just so.
"""


def as_it_is(value: Any) -> Any:
    """Return *value*: the form of what has no other."""
    return value


def check_range(within: tuple[Any, ...]) -> None:
    """
    Look at the two ends of a range.

    Raises:
        TypeError: They are no two numbers, the lower one first.
    """
    if len(within) != 2 or not all(isinstance(end, int | float) for end in within) or within[0] > within[1]:
        raise TypeError(f"within takes two numbers, and math.inf for an open side; got {within!r}")
