"""Who observes a call, and what one hears of it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from ._retry import Wait
from ._types import Response

Outcome: TypeAlias = Literal["answered", "failed", "cancelled", "left"]


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a call ended."""

    seconds: float
    """How long it took."""
    response: Response | None = None
    """The answer, or what had come of a stream; None where nothing was begun."""
    error: BaseException | None = None
    """What it failed with, or was cancelled by."""

    @property
    def outcome(self) -> Outcome:
        """Whether there is an answer, and if not, whose doing that is; only a stream can be ``left``."""
        if self.response is None:
            return "failed" if isinstance(self.error, Exception) else "cancelled"
        if self.response.finish_reason == "cancelled":
            is_chosen = self.error is None or isinstance(self.error, Exception | GeneratorExit)
            return "left" if is_chosen else "cancelled"
        return "failed" if self.response.finish_reason == "error" else "answered"


class Observer(Protocol):
    """Hears of one call. What it raises is logged, and never reaches the caller."""

    def at_work(self) -> AbstractContextManager[object]:
        """Return what is to hold while the call works: not while its caller has a piece of a stream."""
        ...

    def again(self, wait: Wait) -> None:
        """Hear that the provider failed and will be asked again."""
        ...

    def over(self, end: End) -> None:
        """Hear how the call ended."""
        ...
