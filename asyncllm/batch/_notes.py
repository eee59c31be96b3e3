"""What a batch notes of its tasks, so that another run can go on where it ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

from ._result import BatchResult
from ._source import Job


class Notes(ABC):
    """What is known of tasks from earlier runs, and what is noted for later ones."""

    @abstractmethod
    async def known(self, job: Job) -> BatchResult | None:
        """Return what came of it earlier; None is that it is to be asked."""

    @abstractmethod
    def before(self, job: Job) -> Callable[[], Awaitable[None]] | None:
        """Return what notes that it is about to be sent."""

    @abstractmethod
    async def over(self, job: Job, result: BatchResult) -> None:
        """Note what came of it."""


class NoNotes(Notes):
    """Notes nothing."""

    async def known(self, job: Job) -> BatchResult | None:
        """Know nothing."""
        return None

    def before(self, job: Job) -> Callable[[], Awaitable[None]] | None:
        """Have nothing to note."""
        return None

    async def over(self, job: Job, result: BatchResult) -> None:
        """Note nothing."""
