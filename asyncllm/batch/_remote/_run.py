"""A run through the provider's own batches: a task for what comes in, and one for each batch."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeAlias

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from asyncllm import _log
from asyncllm._types import Response
from asyncllm.errors import LLMError, ProviderError, RateLimited, RequestRejected, Unavailable
from asyncllm.provider import BatchAPI, BatchState, Request, custom_id

from ._earlier import Earlier
from ._ledger import Ledger, RemoteBatch
from ._parcel import Parcel, Sorter
from ._patience import Patience
from ._vendor import Vendor

Outcome: TypeAlias = tuple[str, Response | ProviderError, int]
"""A task's key, what became of it, and in how many batches it was."""


@dataclass(eq=False)
class Ended:
    """Follows the last outcome of a batch: nothing more comes of it."""

    tag: str
    noted: anyio.Event = field(default_factory=anyio.Event)


Told: TypeAlias = "Outcome | Ended | Exception"


class Run:
    """One run of ``remote``: a task for what comes in, and one for each batch."""

    def __init__(
        self,
        api: BatchAPI,
        vendor: Vendor,
        ledger: Ledger,
        out: MemoryObjectSendStream[Told],
        *,
        patience: Patience,
        rounds: int,
        at_once: int,
    ) -> None:
        self._api = api
        self._vendor = vendor
        self._ledger = ledger
        self._out = out
        self._patience = patience
        self._rounds = rounds
        self._places = anyio.Semaphore(at_once)
        self._sorter = Sorter(api)
        self._earlier: dict[str, Earlier] = {}
        self._open: dict[str, RemoteBatch] = {}
        self._parcels = set[Parcel]()
        self._errors: list[Exception] = []

    async def __call__(self, items: AsyncIterable[tuple[str, Request]]) -> None:
        """Send all, and see all through."""
        async with self._out:
            async with anyio.create_task_group() as group:
                self._start(group, self._begin, items, group)
            if self._errors:
                await self._out.send(self._errors[0])

    async def outcomes(self, told: MemoryObjectReceiveStream[Told]) -> AsyncGenerator[Outcome]:
        """Give what is *told*; raise what went wrong."""
        async for each in told:
            if isinstance(each, Exception):
                raise each
            if isinstance(each, Ended):
                await self._ledger.ended_remote(each.tag)
                each.noted.set()
            else:
                yield each

    async def leave(self, *, cancel: bool) -> None:
        """Let go of everything; *cancel* what is still at the vendor's."""
        parked = (parcel for each in self._earlier.values() for parcel in each.parked())
        for parcel in (*self._parcels, *self._sorter.rest(), *parked):
            await parcel.aclose()
        for batch in self._open.values() if cancel else ():
            try:
                name = batch.id or await self._vendor.find(
                    batch.tag, requests=len(batch.keys), planned=batch.planned, tried=0
                )
                if name is not None:
                    await self._vendor.cancel(name)
            except LLMError as error:
                _log.warn("batch_not_cancelled", batch=batch.id, error=type(error).__name__)

    def _start(self, group: TaskGroup, func: Callable[..., Awaitable[None]], *args: object) -> None:
        """Run *func* in *group*; its error ends all of them, and comes out by itself."""

        async def guarded() -> None:
            try:
                await func(*args)
            except Exception as exc:  # noqa: BLE001  # raised where the outcomes are read
                self._errors.append(exc)
                group.cancel_scope.cancel()

        group.start_soon(guarded)

    async def _begin(self, items: AsyncIterable[tuple[str, Request]], group: TaskGroup) -> None:
        earlier = [Earlier(batch, self._api) for batch in await self._ledger.remotes()]
        self._vendor.known.update(each.batch.id for each in earlier if each.batch.id)
        self._earlier = {key: each for each in earlier for key in each.batch.keys}
        for each in earlier:
            self._start(group, self._collect_earlier, each, group)
        await self._feed(items, group)

    async def _feed(self, items: AsyncIterable[tuple[str, Request]], group: TaskGroup) -> None:
        async for key, request in items:
            entry = self._api.entry(request)
            if len(entry.body) + 2 * self._api.overhead > self._api.most_bytes:
                too_long = (
                    f"the request is {len(entry.body):,} bytes long; a batch takes {self._api.most_bytes:,}"
                )
                await self._out.send((key, RequestRejected(too_long), 0))
                continue

            earlier = self._earlier.get(key)
            if earlier is None:
                full = await self._sorter.add(key, entry)
                if full is not None:
                    await self._send_off(full, group)
            elif not earlier.is_over:
                await earlier.park(key, entry)
        for parcel in self._sorter.rest():
            await self._send_off(parcel, group)

    async def _send_off(self, parcel: Parcel, group: TaskGroup) -> None:
        """Wait for a place for *parcel*, and begin to see it through."""
        self._parcels.add(parcel)
        await self._places.acquire()
        self._start(group, self._see_through, parcel)

    async def _see_through(self, parcel: Parcel) -> None:
        """Submit *parcel*, collect the outcomes, and go on with those requests that deserve another batch."""
        attempt = 1
        while len(parcel):
            await self._ledger.plan_remote(parcel.tag, parcel.keys)
            batch = RemoteBatch(tag=parcel.tag, keys=parcel.keys)
            state = await self._answered(batch, parcel)
            # The vendor had no room, which is nobody's fault and may last for hours.
            crowded = state.status == "failed" and isinstance(state.error, RateLimited)
            again = await self._collect(batch, state, attempt, may_repeat=crowded or attempt < self._rounds)
            parcel = await self._instead(parcel, await parcel.only(again))
            attempt += not crowded
            if crowded:
                await anyio.sleep(self._patience.crowded)
        self._places.release()

    async def _instead(self, old: Parcel, new: Parcel) -> Parcel:
        self._parcels = self._parcels - {old} | {new}
        await old.aclose()
        return new

    async def _answered(self, batch: RemoteBatch, parcel: Parcel) -> BatchState:
        """Submit *parcel* and wait until the vendor is done with it."""
        self._open[batch.tag] = batch
        name = await self._vendor.submit(parcel)
        if isinstance(name, ProviderError):
            return BatchState(id="", status="failed", error=name)
        return await self._over(batch, name)

    async def _over(self, batch: RemoteBatch, name: str) -> BatchState:
        if batch.id is None:
            await self._ledger.submitted(batch.tag, name)
        self._open[batch.tag] = RemoteBatch(tag=batch.tag, keys=batch.keys, id=name)
        return await self._vendor.ended(name)

    async def _collect(
        self, batch: RemoteBatch, state: BatchState, attempt: int, *, may_repeat: bool
    ) -> set[str]:
        """Tell the outcomes of *batch*; return the keys of those tasks that are to be asked again."""
        self._open.pop(batch.tag, None)
        again = set[str]()
        left = {custom_id(batch.tag, number): key for number, key in enumerate(batch.keys)}
        async with aclosing(self._vendor.outcomes(state, left)) as outcomes:
            async for key, outcome in outcomes:
                if key in batch.done:
                    continue
                if may_repeat and isinstance(outcome, ProviderError) and outcome.retryable:
                    again.add(key)
                else:
                    await self._out.send((key, outcome, attempt))
        ended = Ended(batch.tag)
        await self._out.send(ended)
        await ended.noted.wait()
        return again

    async def _collect_earlier(self, earlier: Earlier, group: TaskGroup) -> None:
        """Collect a batch of an earlier run's, and ask again what deserves it and has come again."""
        batch = earlier.batch
        self._open[batch.tag] = batch
        name = batch.id or await self._vendor.find(
            batch.tag, requests=len(batch.keys), planned=batch.planned, tried=batch.planned
        )
        if name is None:
            state = BatchState(id="", status="failed", error=Unavailable("it was never submitted"))
        else:
            state = await self._over(batch, name)
        again = await self._collect(batch, state, 1, may_repeat=True)
        earlier.is_over = True
        for key in again:  # Those that come from now on are like all others.
            self._earlier.pop(key, None)
        for parcel in earlier.parked():
            wanted = await parcel.only(again)
            await parcel.aclose()
            if len(wanted):
                await self._send_off(wanted, group)
