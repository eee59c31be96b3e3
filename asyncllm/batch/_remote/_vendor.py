"""A vendor's batch API, asked with patience."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import TypeVar

import anyio

from asyncllm import _log
from asyncllm._batch_api import OVER
from asyncllm._retry import Retry
from asyncllm._types import Response
from asyncllm.errors import (
    AuthenticationFailed,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    TimedOut,
    Unavailable,
    UnexpectedResponse,
    translated,
)
from asyncllm.provider import BatchAPI, BatchState, BatchStatus, Provider

from ._parcel import Parcel
from ._patience import Patience

R = TypeVar("R")

NOTHING_MADE = (RequestRejected, AuthenticationFailed, QuotaExceeded, RateLimited)
"""Errors that say that the vendor has made no batch; any other may have come in place of its name."""

MISSING: Mapping[BatchStatus, Callable[[str], ProviderError]] = {
    "expired": partial(TimedOut, code="batch_expired"),
    "cancelled": partial(ProviderError, code="batch_cancelled"),
}
"""What became of a request of which the results of a batch say nothing, by how the batch ended."""


class Vendor:
    """
    Asks *api* again where that may help, and never twice for the same batch.

    Args:
        provider: Whose table and secrets are the API's.

        api: What is asked.

        retry: How to try again.

        patience: How long to wait.
    """

    def __init__(self, provider: Provider, api: BatchAPI, *, retry: Retry, patience: Patience) -> None:
        self._provider = provider
        self._api = api
        self._retry = retry
        self._patience = patience
        self.known = set[str]()
        """The names of those batches whose tag is known."""

    async def submit(self, parcel: Parcel) -> str | ProviderError:
        """
        Submit *parcel* and return the vendor's name for it, or the error for which there is no batch.

        Raises:
            ProviderError: Nobody knows whether there is one: the vendor does not say.
        """
        planned = tried = time.time()
        doubtful = False

        async def once() -> str:
            nonlocal doubtful, tried
            if doubtful and (there := await self._sought(parcel, planned=planned, tried=tried)) is not None:
                return there

            doubtful = True
            try:
                with self._guard():
                    return await self._api.submit(parcel)
            except NOTHING_MADE:
                doubtful = False
                raise
            finally:
                tried = time.time()

        try:
            name, _ = await self._retry(once)
        except ProviderError as error:
            there = await self._sought(parcel, planned=planned, tried=tried) if doubtful else None
            if there is None:
                return error
            name = there
        self.known.add(name)
        return name

    async def find(self, tag: str, *, requests: int, planned: float, tried: float) -> str | None:
        """
        Return the vendor's name for the batch with *tag*, or None where there is none.

        That may take as long as a batch: with some vendors, only the results tell.

        Args:
            tag: What it was planned under.

            requests: How many requests it has.

            planned: When that was.

            tried: When it may have been submitted last.
        """
        await anyio.sleep(max(0.0, tried + self._patience.settling - time.time()))
        ask = partial(self._api.find, tag, requests=requests, since=planned, known=self.known)
        for wait in self._patience.waits():
            found = await self._asked(ask)
            certain = [each.id for each in found if each.certain]
            for other in certain[1:]:
                _log.warn("batch_twice", batch=other, kept=certain[0])
                await self.cancel(other)
            if certain or not found:
                self.known.update(certain)
                return certain[0] if certain else None

            _log.warn("batch_in_doubt", batches=[each.id for each in found], seconds=wait)
            await anyio.sleep(wait)
        raise AssertionError("the waits have no end")

    async def ended(self, name: str) -> BatchState:
        """Wait until the batch is over, through all of the vendor's passing troubles."""
        for wait in self._patience.waits():
            await anyio.sleep(wait)
            try:
                with self._guard():
                    state = await self._api.look(name)
            except RequestRejected as error:
                return BatchState(id=name, status="failed", error=error)
            except ProviderError as error:
                await self._sat_out(name, error)
            else:
                if state.status in OVER:
                    return state
        raise AssertionError("the waits have no end")

    async def outcomes(
        self, state: BatchState, left: dict[str, str]
    ) -> AsyncGenerator[tuple[str, Response | ProviderError]]:
        """
        Give the outcome of each request of a batch that is over, as its results are read; close it when done.

        Args:
            state: How the batch ended.

            left: The keys of its tasks, by custom id; whatever was given is taken out.
        """
        refused = state.error or Unavailable("the provider refused the batch for the sake of other requests")
        if state.status == "failed":
            for number, key in enumerate(left.values()):
                yield key, state.faults.get(number, refused)
            return

        lost: ProviderError | None = None
        # A connection that was cut looks like an end: what is missing is looked for again.
        for wait in itertools.islice(self._patience.waits(), self._retry.attempts):
            try:
                with self._guard():
                    async with self._api.results(state.id) as results:
                        async for custom_id, outcome in results:
                            if custom_id in left:
                                yield left.pop(custom_id), outcome
            except RequestRejected as error:
                lost = error
                break
            except ProviderError as error:
                await self._sat_out(state.id, error)
            if not left:
                return
            await anyio.sleep(wait)

        make = MISSING.get(state.status, UnexpectedResponse)
        for key in left.values():
            yield (
                key,
                lost or make(f"the batch is {state.status}, and its results say nothing of this request"),
            )

    async def cancel(self, name: str) -> None:
        """Cancel a batch at the vendor's."""
        await self._asked(partial(self._api.cancel, name))

    async def _sought(self, parcel: Parcel, *, planned: float, tried: float) -> str | None:
        return await self.find(parcel.tag, requests=len(parcel), planned=planned, tried=tried)

    async def _asked(self, func: Callable[[], Awaitable[R]]) -> R:
        async def once() -> R:
            with self._guard():
                return await func()

        result, _ = await self._retry(once)
        return result

    async def _sat_out(self, name: str, error: ProviderError) -> None:
        if not error.retryable:
            raise error
        _log.warn("batch_unreachable", batch=name, error=type(error).__name__)
        await anyio.sleep(error.retry_after or 0)

    def _guard(self) -> AbstractContextManager[None]:
        return translated(self._provider.errors, tuple(self._provider.secrets()))
