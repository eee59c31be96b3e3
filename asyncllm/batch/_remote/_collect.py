"""The provider's own batches: requests go up in parcels, and the outcomes come as the batches end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import anyio

from asyncllm import _log
from asyncllm._retry import Retry
from asyncllm.errors import ConfigurationError
from asyncllm.provider import Provider, Request

from ._ledger import Ledger, NoLedger
from ._patience import Patience
from ._run import Outcome, Run, Told
from ._vendor import Vendor

LEAVING = 10.0
"""Seconds that cancelling at the vendor's may take, of one who leaves."""


@asynccontextmanager
async def remote(
    provider: Provider,
    items: AsyncIterable[tuple[str, Request]],
    *,
    ledger: Ledger | None = None,
    retry: Retry | None = None,
    patience: Patience | None = None,
    rounds: int = 3,
    at_once: int = 8,
    cancel_remote: bool | None = None,
) -> AsyncGenerator[AsyncIterator[Outcome]]:
    """
    Have the provider's own batch API answer *items*, and give the outcomes as its batches end.

    An outcome counts as taken when the next one is asked for.

    Args:
        provider: An opened provider.

        items: Keys and requests; taken only as fast as parcels of them find a place.

        ledger:
            Remembers what was submitted. What an earlier run had submitted, and did
            not collect, is collected, and those of *items* that are part of it are
            not submitted again.

        retry: How to try again what the vendor did not take. Default: three times.

        patience: How long to wait between looks at a batch.

        rounds: In how many batches a request may be, one after another, that expired or failed in passing.

        at_once: How many batches may be at the vendor's at a time.

        cancel_remote:
            Whether to cancel what is still at the vendor's when the block is left
            early. Default: only without a ledger, when nobody could collect it.

    Raises:
        ConfigurationError: The provider has no batch API.
    """
    api = provider.batches()
    if api is None:
        raise ConfigurationError("this provider has no batch API of its own; ask it directly")

    vendor = Vendor(provider, api, retry=retry or Retry(), patience=patience or Patience())
    send, receive = anyio.create_memory_object_stream[Told](0)
    run = Run(
        api,
        vendor,
        ledger or NoLedger(),
        send,
        patience=patience or Patience(),
        rounds=rounds,
        at_once=at_once,
    )
    failed: Exception | None = None
    try:
        async with receive, anyio.create_task_group() as group:
            group.start_soon(run, items)
            try:
                async with aclosing(run.outcomes(receive)) as outcomes:
                    yield outcomes
            except Exception as exc:  # noqa: BLE001  # raised below, out of the group
                failed = exc
            group.cancel_scope.cancel()
    finally:
        with anyio.move_on_after(LEAVING, shield=True) as leaving:
            await run.leave(cancel=ledger is None if cancel_remote is None else cancel_remote)
        if leaving.cancelled_caught:
            _log.warn("batches_not_cancelled", seconds=LEAVING)
    if failed is not None:
        raise failed
