"""What a journal knows of an item, and what is to become of it on resuming."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from asyncllm._types import Response, Timing
from asyncllm.errors import InvalidParameter, LLMError

State: TypeAlias = Literal["done", "failed", "maybe_billed"]
"""What became of an item that was sent; of one that never was, a journal knows nothing."""
Then: TypeAlias = Literal["yield", "send", "skip"]
"""What to do with it now: give its outcome as it is, send it again, or pass over it."""

THEN: Mapping[str, Then] = {
    "resend": "send",
    "retry": "send",
    "keep": "yield",
    "fail": "yield",
    "skip": "skip",
}
"""What each word of a :class:`Resume` comes to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """What becomes of items that an earlier run left; those that are done are never sent again."""

    maybe_billed: Literal["resend", "fail", "skip"] = "resend"
    """
    Items that were sent and whose outcome nobody knows: sending them again may be
    paid for twice. ``"fail"`` makes them errors, ``"skip"`` leaves them out.
    """
    failed: Literal["retry", "keep"] = "retry"
    """Items that failed: ``"keep"`` gives the error of then."""

    def __post_init__(self) -> None:
        for name, words in (("maybe_billed", ("resend", "fail", "skip")), ("failed", ("retry", "keep"))):
            if getattr(self, name) not in words:
                took = ", ".join(map(repr, words))
                raise InvalidParameter(f"Resume takes {name} as one of {took}; got {getattr(self, name)!r}")

    def then(self, state: State) -> Then:
        """Return what to do with an item in this *state*."""
        return "yield" if state == "done" else THEN[getattr(self, state)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an earlier run left of an item."""

    state: State
    then: Then
    """What the policy says to do with it."""
    response: Response | None = None
    error: LLMError | None = None
    attempts: int = 0
    timing: Timing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many items a journal has, by what became of them."""

    done: int = 0
    failed: int = 0
    maybe_billed: int = 0
    """Items that were sent and have no outcome; while a batch runs, those are in flight."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.done + self.failed + self.maybe_billed


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A batch on the provider's side."""

    tag: str
    """Our own name for it."""
    id: str | None
    """The provider's; None where it may not have been submitted."""
    state: Literal["planned", "submitted", "ended"]
    created: float
    """When it was planned, in seconds of the epoch."""
    keys: tuple[str, ...]
    """The keys of its items."""
    done: tuple[str, ...] = ()
    """Those of them that are done."""
