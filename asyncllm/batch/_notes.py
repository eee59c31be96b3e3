"""What a batch notes of its tasks, so that another run can go on where it ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from ._journal import Journal
from ._remote import Ledger, RemoteBatch
from ._result import BatchResult, PassedOver
from ._source import Job


class Notes(ABC):
    """What is known of tasks from earlier runs, and what is noted for later ones."""

    ledger: Ledger | None = None
    """What remembers the batches at the provider's."""

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
        self.ledger = JournalLedger(journal)

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


class JournalLedger:
    """Remembers in a journal what was submitted."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def plan_remote(self, tag: str, keys: Sequence[str]) -> None:
        """Write down that a batch is about to be submitted."""
        await self._journal.plan_remote(tag, keys)

    async def submitted(self, tag: str, id: str) -> None:  # noqa: A002  # the vendors' word
        """Write down what the vendor calls it."""
        await self._journal.submitted(tag, id)

    async def remotes(self) -> Sequence[RemoteBatch]:
        """Return those that have not ended."""
        return [
            RemoteBatch(
                tag=each.tag, keys=each.keys, id=each.id, planned=each.created, done=frozenset(each.done)
            )
            for each in await self._journal.remotes()
            if each.state != "ended"
        ]

    async def ended_remote(self, tag: str) -> None:
        """Write down that nothing more comes of it."""
        await self._journal.ended_remote(tag)
