"""What a caller limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from asyncllm._kinds import Flag, Number, Whole
from asyncllm._vocabulary import Parameter

PARAMETERS: Mapping[str, Parameter] = {
    "max_concurrency":     Parameter(Whole(low=1), "At most so many requests are under way.", "requests"),
    "requests_per_minute": Parameter(Number(above=0), "At most so many are sent in any minute.", "requests"),
    "tokens_per_minute":   Parameter(Number(above=0), "At most so many are asked and answered.", "tokens"),
    "adaptive":            Parameter(Flag(), "Whether limits are learned from the server."),
    "retry_budget":        Parameter(Number(low=0, high=1), "So many retries to a request, at most."),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    How fast to ask, at most.

    It holds for all LLMs together that ask the same server with the same key: in
    all event loops and threads of the process, and of several such limits the
    strictest. A request that would be one too many waits its turn, and its
    ``timeout`` goes on meanwhile.

    Raises:
        InvalidParameter: A value is of the wrong type, or out of its range.
    """

    max_concurrency: int | None = None
    """At most this many requests are under way at a time; a stream is, until it has ended."""
    requests_per_minute: float | None = None
    """At most this many are sent in any minute, retries included."""
    tokens_per_minute: float | None = None
    """
    At most this many tokens a minute, of prompts and answers together: estimated
    before a request is sent, and put right by what the answer says it took.
    """
    adaptive: bool = True
    """
    Whether to slow down where the server shows that it wants that: by its rate-limit
    headers, by refusing requests, or by being overloaded.
    """
    retry_budget: float = 0.2
    """How many retries there are to a request, at most; a few more are in reserve."""

    def __post_init__(self) -> None:
        for name, parameter in PARAMETERS.items():
            value: Any = getattr(self, name)
            if value is not None or name in {"adaptive", "retry_budget"}:
                parameter.check(name, value)


def strictest(several: Iterable[Limits]) -> Limits:
    """Return the limits that keep all of *several*."""
    given = tuple(several)

    def least(name: str) -> Any:
        return min((value for each in given if (value := getattr(each, name)) is not None), default=None)

    named = {each.name: least(each.name) for each in fields(Limits)}
    if not given:
        return Limits()
    return Limits(**named)
