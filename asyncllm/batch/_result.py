"""What became of one task of a batch."""

from __future__ import annotations

from dataclasses import dataclass

from asyncllm._types import Response, Timing
from asyncllm.errors import LLMError

from ._task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What became of one task: either a response or an error."""

    index: int
    """The task's place among those of the batch, from 0 on."""
    key: str
    """The task's own key, or else its index."""
    task: Task
    response: Response | None = None
    error: LLMError | None = None
    attempts: int = 1
    """How many requests were sent for it, retries and all."""
    timing: Timing | None = None
    restored: bool = False
    """Whether a journal had it already, and nothing was sent."""

    @property
    def text(self) -> str:
        """
        The answer.

        Raises:
            LLMError: The task failed; this is its error.
        """
        if self.response is None:
            assert self.error is not None, "a result has the one or the other"
            raise self.error
        return self.response.text


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Says that one task has no result: an earlier run may have sent it, and it is not to be sent again."""

    index: int
