"""Write down that an item is about to be sent, and what became of it, before anybody hears of it."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio
from anyio.to_thread import run_sync

from asyncllm._keys import Keys
from asyncllm._tasks import messages_of
from asyncllm._types import Response
from asyncllm.batch._result import BatchResult
from asyncllm.batch._task import Task
from asyncllm.errors import JournalError, LLMError

from . import _remotes
from ._commits import Commits
from ._earlier import Earlier
from ._identity import begin
from ._known import Counts, Known, Remote, Resume
from ._lock import lock
from ._plain import error_as_text, messages_as_text, response_as_text, timing_as_text
from ._sqlite import check, create, says, writing

if TYPE_CHECKING:
    from sqlite3 import Connection

File: TypeAlias = str | os.PathLike[str]


@asynccontextmanager
async def opened(
    path: File,
    *,
    identity: Mapping[str, Any],
    policy: Resume | None = Resume(),  # noqa: B008 - it is frozen
    durable: bool = False,
    prompts: bool = False,
    keys: Keys = Keys(),  # noqa: B008 - as above
) -> AsyncGenerator[Journal]:
    """
    Open the journal at *path*, or make one, to be written by this process alone.

    Args:
        path: The file. Two others are beside it while it is open, and an empty one for the lock.

        identity: What must be the same on resuming: model, parameters, base seed.

        policy: What becomes of items that an earlier run left. None refuses a journal that has any.

        durable: Put each commit on the disk itself, so that not even a power cut loses one.

        prompts: Write down what is asked as well, and not only a hash of it.

        keys: What must never be in the file.

    Raises:
        JournalError: It is no journal, damaged, newer, another batch's, or open elsewhere; it is as it was.
    """
    file = await run_sync(lambda: Path(os.fsdecode(path)).expanduser())
    # A thread's work is not cut short: what it has opened comes back, and is closed below.
    held, connection, run, counts = await run_sync(
        partial(_begun, file, identity, policy, durable=durable, keys=keys)
    )
    commits, earlier = Commits(connection, file, run, counts), Earlier(file, run, policy or Resume())
    try:
        if counts.total:
            await earlier.open()
        yield Journal(commits, earlier, run, prompts=prompts, keys=keys)
    finally:
        with anyio.CancelScope(shield=True):
            await earlier.aclose()
            await commits.aclose()
            await run_sync(held.close)


class Journal:
    """
    What a batch writes down as it goes, and what earlier runs of it left.

    Any number of tasks may write at a time: what they bring together is written
    together.
    """

    def __init__(self, commits: Commits, earlier: Earlier, run: int, *, prompts: bool, keys: Keys) -> None:
        self._commits = commits
        self._earlier = earlier
        self._run = run
        self._prompts = prompts
        self._keys = keys

    @property
    def counts(self) -> Counts:
        """How many items there are, of this run and earlier ones; those in flight are *maybe billed*."""
        return self._commits.counts

    async def known(self, key: str, fingerprint: str) -> Known | None:
        """
        Return what an earlier run left of an item, and what the policy says to do; None: it was never sent.

        Each is to be asked for once, before it is sent.

        Raises:
            JournalError: The key stood for another task, or two tasks have it.
        """
        return await self._earlier.known(key, fingerprint)

    async def intend(self, index: int, key: str, fingerprint: str, task: Task) -> None:
        """
        Return once it is on the disk that an item is about to be sent.

        What is asked is not written down, unless the journal was opened with ``prompts``.

        Raises:
            JournalError: It must not be sent: two tasks have the key, or nothing can be written.
        """
        _check(key)
        self._earlier.forget(key)
        prompt = messages_as_text(messages_of(task.prompt), self._keys) if self._prompts else None
        row = (key, index, self._run, "maybe_billed", fingerprint, time.time(), prompt)
        await self._commits.intend(key, row)

    async def record(self, result: BatchResult, fingerprint: str) -> None:
        """
        Return once it is on the disk what became of an item.

        Raises:
            JournalError: Nothing can be written. What was recorded before is safe.
        """
        _check(result.key)
        response, error, timing = result.response, result.error, result.timing
        usage = None if response is None else response.usage
        now = time.time()
        row = (
            result.key,
            result.index,
            self._run,
            "failed" if response is None else "done",
            fingerprint,
            now,
            now,
            result.attempts,
            None if usage is None else usage.input_tokens,
            None if usage is None else usage.output_tokens,
            None if timing is None else timing_as_text(timing),
            None if error is None else error_as_text(error, self._keys),
            None if response is None else response_as_text(response, self._keys),
        )
        await self._commits.record(result.key, row)

    async def settle(self, key: str, outcome: Response | LLMError, attempts: int) -> None:
        """Return once it is on the disk what became of an item that an earlier run has sent."""
        found: list[tuple[int, str]] = []
        query = "SELECT idx, fingerprint FROM items WHERE key = ?"
        await self._commits.act(lambda journal: found.extend(journal.execute(query, (key,))))
        for index, fingerprint in found:
            said: dict[str, Any] = {"response" if isinstance(outcome, Response) else "error": outcome}
            result = BatchResult(index=index, key=key, task=Task(key), attempts=attempts, **said)
            await self.record(result, fingerprint)

    async def plan_remote(self, tag: str, keys: Sequence[str]) -> None:
        """Return once it is on the disk that these items are about to be submitted as a batch."""
        await self._commits.act(partial(_remotes.plan, tag=tag, keys=keys))

    async def submitted(self, tag: str, provider_id: str) -> None:
        """Return once it is on the disk what the provider calls the batch."""
        await self._commits.act(partial(_remotes.submit, tag=tag, provider_id=provider_id))

    async def ended_remote(self, tag: str) -> None:
        """Return once it is on the disk that nothing more is to be had of the batch."""
        await self._commits.act(partial(_remotes.end, tag=tag))

    async def remotes(self) -> tuple[Remote, ...]:
        """Return the batches on the provider's side, in the order in which they were planned."""
        found: list[Remote] = []
        await self._commits.act(lambda journal: found.extend(_remotes.listed(journal)))
        return tuple(found)


def _begun(
    path: Path, identity: Mapping[str, Any], policy: Resume | None, *, durable: bool, keys: Keys
) -> tuple[Connection, Connection, int, Counts]:
    """Return the lock, what writes the journal, the number of the run, and what earlier ones left."""
    with says(path):
        if path.exists():
            check(path)
        held = lock(path)
        try:
            create(path)
            connection = writing(path, durable=durable)
            try:
                return held, connection, *begin(connection, path, identity, policy, keys)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            held.close()
            raise


def _check(key: str) -> None:
    try:
        key.encode()
    except UnicodeEncodeError as exc:
        raise JournalError(f"the key {key!r} is no text: half a character is in it") from exc
