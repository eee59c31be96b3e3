"""Requests of a batch to be, on the disk where they are many."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from secrets import token_hex
from typing import IO

import anyio
import anyio.to_thread

from asyncllm.provider import BatchAPI, Entry, Lot, custom_id

IN_MEMORY = 2**20
"""Bytes: more than these go to the disk."""


class Parcel:
    """What is, or is to be, one batch at the vendor: the bodies, and the key of each."""

    def __init__(self, lot: Lot, keys: Collection[str] = (), *, tag: str = "") -> None:
        self.lot = lot
        self.tag = tag or token_hex(12)
        self.keys = list(keys)
        self.size = 0
        self._recent: list[bytes] = []
        self._held = 0
        self._file: IO[bytes] | None = None
        self._writing = anyio.Lock()

    def __len__(self) -> int:
        return len(self.keys)

    def has_room(self, api: BatchAPI, body: bytes) -> bool:
        """Say whether *body* fits in besides what is in it."""
        size = self.size + len(body) + (len(self) + 2) * api.overhead
        return len(self) < api.most_requests and size <= api.most_bytes

    async def add(self, key: str, body: bytes) -> None:
        self.keys.append(key)
        self.size += len(body)
        self._recent.append(body)
        self._held += len(body)
        if self._held > IN_MEMORY:
            async with self._writing:
                await anyio.to_thread.run_sync(self._put_away)

    async def entries(self) -> AsyncGenerator[tuple[str, bytes]]:
        """Give the custom id and the body of each; close it when done."""
        async with aclosing(self._bodies()) as bodies:
            number = 0
            async for body in bodies:
                yield custom_id(self.tag, number), body
                number += 1

    async def only(self, keys: Collection[str]) -> Parcel:
        """Return another, with those bodies that are called by one of *keys*."""
        other = Parcel(self.lot)
        async with aclosing(self._bodies()) as bodies:
            number = 0
            async for body in bodies:
                if self.keys[number] in keys:
                    await other.add(self.keys[number], body)
                number += 1
        return other

    async def aclose(self) -> None:
        """Let go of the bodies."""
        self._recent = []
        if self._file is not None:
            await anyio.to_thread.run_sync(self._file.close)

    async def _bodies(self) -> AsyncGenerator[bytes]:
        async with self._writing:
            recent = self._recent
        if self._file is not None:
            start, rest = 0, b""
            while piece := await anyio.to_thread.run_sync(self._read, start):
                start += len(piece)
                *whole, rest = (rest + piece).split(b"\n")
                for body in whole:
                    yield body
        for body in recent:
            yield body

    def _put_away(self) -> None:
        if self._file is None:
            # Without a name, so that it goes when the process does.
            self._file = tempfile.TemporaryFile(prefix="asyncllm-")  # noqa: SIM115  # closed by aclose()
        self._file.seek(0, 2)
        self._file.write(b"".join(body + b"\n" for body in self._recent))
        self._recent, self._held = [], 0

    def _read(self, start: int) -> bytes:
        assert self._file is not None
        self._file.seek(start)
        return self._file.read(IN_MEMORY)


class Sorter:
    """Puts entries into parcels, by what those of one batch have in common."""

    def __init__(self, api: BatchAPI) -> None:
        self._api = api
        self._filling: dict[Lot, Parcel] = {}

    async def add(self, key: str, entry: Entry) -> Parcel | None:
        """Take in *entry*; return the parcel that was full before."""
        parcel = self._filling.get(entry.lot)
        full = parcel if parcel is not None and not parcel.has_room(self._api, entry.body) else None
        if parcel is None or full is not None:
            parcel = self._filling[entry.lot] = Parcel(entry.lot)
        await parcel.add(key, entry.body)
        return full

    def rest(self) -> list[Parcel]:
        """Return the parcels that are not full, and begin with none."""
        parcels, self._filling = [*self._filling.values()], {}
        return parcels
