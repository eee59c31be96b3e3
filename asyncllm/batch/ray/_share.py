"""What each of several processes may do, so that together they keep to a limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from asyncllm._limits import Limits
from asyncllm.errors import InvalidParameter

DIVIDED = ("max_concurrency", "requests_per_minute", "tokens_per_minute")
"""What of an LLM's limits is divided; the others hold for each as they are."""
COUNTED = frozenset({"max_concurrency"})
"""The limits that are a number of requests; the others are rates, of which there are fractions."""


def share(limits: Mapping[str, float | None], actors: int) -> dict[str, Any]:
    """
    Return what each of *actors* gets of *limits* that hold for all of them together; None is no limit.

    What does not go into a number of requests evenly is left over.

    Raises:
        InvalidParameter: It is less than one request at a time for each.
    """
    return {name: limit if limit is None else _part(name, limit, actors) for name, limit in limits.items()}


def shared(limits: Limits, actors: int) -> Limits:
    """
    Return what each of *actors* gets of *limits*.

    Raises:
        InvalidParameter: It is less than one request at a time for each.
    """
    return replace(limits, **share({name: getattr(limits, name) for name in DIVIDED}, actors))


def _part(name: str, limit: float, actors: int) -> float:
    if name not in COUNTED:
        return limit / actors
    if limit < actors:
        raise InvalidParameter(
            f"{name}={limit:g} is for all actors together, and there may be {actors}: "
            "each needs at least 1; raise it, or take fewer actors (concurrency)"
        )
    return int(limit) // actors
