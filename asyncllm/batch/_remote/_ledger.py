"""What is written down of batches at the vendor's, so that none is submitted twice."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteBatch:
    """A batch at the vendor's that is not over, for all that is written down."""

    tag: str
    keys: Sequence[str]
    """Its tasks' keys, in the order in which they were planned."""
    id: str | None = None
    """The vendor's name for it; None where it is not known whether it was submitted."""
    planned: float = field(default_factory=time.time)
    """When it was planned, in seconds since 1970."""
    done: Collection[str] = ()
    """Those keys whose outcome is written down already."""


class Ledger(Protocol):
    """
    Remembers batches across a crash: a journal does.

    Each method returns once it is on the disk.
    """

    async def plan_remote(self, tag: str, keys: Sequence[str]) -> None:
        """Write down that a batch is about to be submitted."""

    async def submitted(self, tag: str, id: str) -> None:  # noqa: A002  # the vendors' word
        """Write down what the vendor calls it."""

    async def remotes(self) -> Sequence[RemoteBatch]:
        """Return those batches that were planned and have not ended."""
        ...

    async def ended_remote(self, tag: str) -> None:
        """
        Write down that nothing more comes of a batch.

        It is called when the next outcome is asked for after the batch's last one: by
        then, whoever takes the outcomes has written them down. Those of its tasks that
        have no outcome are asked again.
        """


class NoLedger:
    """Remembers nothing, for a run that nobody resumes."""

    async def plan_remote(self, tag: str, keys: Sequence[str]) -> None:
        """Forget it."""

    async def submitted(self, tag: str, id: str) -> None:  # noqa: A002
        """Forget it."""

    async def remotes(self) -> Sequence[RemoteBatch]:
        return ()

    async def ended_remote(self, tag: str) -> None:
        """Forget it."""
