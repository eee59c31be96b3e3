"""What a batch notes of its tasks, so that another run can go on where it ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from functools import partial

from ._journal import Journal
from ._result import BatchResult, PassedOver
from ._source import Job


class Notes(ABC):
    """What is known of tasks from earlier runs, and what is noted for later ones."""

    @abstractmethod
    async def known(self, job: Job) -> BatchResult | PassedOver | None:
        """Return what came of it earlier; None is that it is to be asked."""

    @abstractmethod
    def before(self, job: Job) -> Callable[[], Awaitable[None]] | None:
        """Return what notes that it is about to be sent."""

    @abstractmethod
    async def over(self, job: Job, result: BatchResult) -> None:
        """Note what came of it."""


class NoNotes(Notes):
    """Notes nothing."""

    async def known(self, job: Job) -> BatchResult | PassedOver | None:
        """Know nothing."""
        return None

    def before(self, job: Job) -> Callable[[], Awaitable[None]] | None:
        """Have nothing to note."""
        return None

    async def over(self, job: Job, result: BatchResult) -> None:
        """Note nothing."""


class JournalNotes(Notes):
    """Notes all of it in a journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def known(self, job: Job) -> BatchResult | PassedOver | None:
        """Return what the journal has of it, as far as that is to be taken up."""
        known = await self._journal.known(job.key, job.fingerprint)
        if known is None or known.then == "send":
            return None
        if known.then == "skip":
            return PassedOver(job.index)
        return BatchResult(
            index=job.index,
            key=job.key,
            task=job.task,
            response=known.response,
            error=known.error,
            attempts=known.attempts,
            timing=known.timing,
            restored=True,
        )

    def before(self, job: Job) -> Callable[[], Awaitable[None]] | None:
        """Return what notes that it is about to be sent."""
        return partial(self._journal.intend, job.index, job.key, job.fingerprint, job.task)

    async def over(self, job: Job, result: BatchResult) -> None:
        """Note what came of it; who is cancelled meanwhile finds it there nevertheless."""
        await self._journal.record(result, job.fingerprint)
