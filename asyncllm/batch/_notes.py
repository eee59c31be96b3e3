"""What a batch notes of its tasks, so that another run can go on where it ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial

from anyio import create_task_group

from asyncllm._types import Response
from asyncllm.errors import ProviderError

from ._journal import Journal
from ._remote import Ledger, RemoteBatch
from ._result import BatchResult, PassedOver
from ._source import Job

AT_A_TIME = 1000
"""Tasks that are noted together before they are submitted."""


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

    async def settle(self, key: str, outcome: Response | ProviderError, attempts: int) -> None:
        """Note what came of a task that an earlier run has sent, and that has not come again so far."""


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
    """
    Notes all of it in a journal.

    Args:
        journal: The journal.

        at_vendor: The keys of tasks in batches at the provider's that are not over.
    """

    def __init__(self, journal: Journal, at_vendor: Collection[str]) -> None:
        self._journal = journal
        self._at_vendor = at_vendor
        self._fed: dict[str, Job] = {}
        self.ledger = JournalLedger(journal, self._intended)

    async def known(self, job: Job) -> BatchResult | PassedOver | None:
        """Return what the journal has of it, as far as that is to be taken up."""
        known = await self._journal.known(job.key, job.fingerprint)
        if job.key in self._at_vendor and (known is None or known.state != "done"):
            return None  # What it comes to is collected, whatever the policy says of what nobody knows.
        if known is None or known.then == "send":
            self._fed[job.key] = job
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
        self._fed.pop(job.key, None)
        await self._journal.record(result, job.fingerprint)

    async def settle(self, key: str, outcome: Response | ProviderError, attempts: int) -> None:
        """Note what came of a task that an earlier run has sent."""
        await self._journal.settle(key, outcome, attempts)

    async def _intended(self, keys: Sequence[str]) -> None:
        """Note of tasks that they are about to be submitted, many at a time."""
        jobs = [job for key in keys if (job := self._fed.pop(key, None)) is not None]
        for start in range(0, len(jobs), AT_A_TIME):
            async with create_task_group() as group:
                for job in jobs[start : start + AT_A_TIME]:
                    group.start_soon(self._journal.intend, job.index, job.key, job.fingerprint, job.task)


class JournalLedger:
    """Remembers in a journal what was submitted."""

    def __init__(self, journal: Journal, intended: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        self._journal = journal
        self._intended = intended

    async def plan_remote(self, tag: str, keys: Sequence[str]) -> None:
        """Write down that a batch is about to be submitted, and each of its tasks."""
        await self._intended(keys)
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
