"""A batch that an earlier run has submitted, or was about to."""

from __future__ import annotations

from asyncllm.provider import BatchAPI, Entry

from ._ledger import RemoteBatch
from ._parcel import Parcel, Sorter


class Earlier:
    """A batch of an earlier run's, and those of its tasks that have come again meanwhile."""

    def __init__(self, batch: RemoteBatch, api: BatchAPI) -> None:
        self.batch = batch
        self.is_over = False
        self._sorter = Sorter(api)
        self._full: list[Parcel] = []

    async def park(self, key: str, entry: Entry) -> None:
        """Keep *entry*, in case that it has to be asked again."""
        full = await self._sorter.add(key, entry)
        self._full += [] if full is None else [full]

    def parked(self) -> list[Parcel]:
        """Return what was kept, and keep it no more."""
        parcels, self._full = [*self._full, *self._sorter.rest()], []
        return parcels
