"""A vendor's batch API over HTTP: all of it but the vendor's own words."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar, TypeAlias
from urllib.parse import quote

from asyncllm._types import Response
from asyncllm.errors import ProviderError, translated
from asyncllm.provider import BatchAPI, Bundle, Entry, Lot, Request, custom_id

from ._events import lines, received
from ._provider import HTTPProvider

Reader: TypeAlias = Callable[[str], tuple[str, Callable[[], Response]]]
"""Reads a line of the results: whose it is, and what returns the answer, or raises the error that it is."""


PIECE = 2**16
"""Bytes that are sent at a time, at least: each piece is a call of the system's."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around and between the requests of a batch, where it is submitted."""

    head: bytes
    between: bytes
    tail: bytes
    line: Callable[[Lot, str, bytes], bytes]
    """Returns what stands for one request, of its custom id and its body."""

    def size(self, bundle: Bundle) -> int:
        """Return how many bytes :meth:`content` gives."""
        around = len(self.head) + len(self.tail) + len(self.between) * (len(bundle) - 1)
        return around + bundle.size + len(bundle) * len(self.line(bundle.lot, custom_id(bundle.tag, 0), b""))

    async def content(self, bundle: Bundle) -> AsyncGenerator[bytes]:
        """Give it all, piece by piece; close it when done."""
        piece, before = bytearray(self.head), b""
        async with aclosing(bundle.entries()) as entries:
            async for name, body in entries:
                piece += before + self.line(bundle.lot, name, body)
                before = self.between
                if len(piece) >= PIECE:
                    yield bytes(piece)
                    piece.clear()
        yield bytes(piece) + self.tail


class HTTPBatchAPI(BatchAPI):
    """
    A batch API that takes and gives JSON over HTTP, through the client of its provider.

    A plugin adds the limits, the addresses and the vendor's words. A single call and
    a batch put the same request into the same words, those of ``provider.surface``.

    Args:
        provider: Whose client asks, and whose table says which error is which.
    """

    one_model: ClassVar[bool] = False
    """Whether all requests of a batch go to the same model."""

    def __init__(self, provider: HTTPProvider) -> None:
        self._provider = provider

    def entry(self, request: Request) -> Entry:
        surface = self._provider.surface(request)
        body = surface.body(request, stream=False)
        lot = Lot(
            path=surface.path,
            headers=tuple(sorted(request.headers.items())),
            model=request.model if self.one_model else None,
        )
        # Between JSON's values an end of line means no more than a space; within them there is none.
        return Entry(lot=lot, body=body.replace(b"\n", b" ").replace(b"\r", b" "))

    @asynccontextmanager
    async def results(
        self,
        id: str,  # noqa: A002  # the vendors' word
    ) -> AsyncGenerator[AsyncIterator[tuple[str, Response | ProviderError]]]:
        paths, read = await self.files(id)
        async with aclosing(self._outcomes(paths, read)) as outcomes:
            yield outcomes

    @abstractmethod
    async def files(self, id: str) -> tuple[Sequence[str], Reader]:  # noqa: A002
        """Return the addresses of a batch's results, each a line of JSON a request, and what reads them."""

    async def fetched(self, path: str) -> bytes:
        """Return what is at *path*."""
        return await received(await self._provider.get(path))

    async def _outcomes(
        self, paths: Sequence[str], read: Reader
    ) -> AsyncGenerator[tuple[str, Response | ProviderError]]:
        for path in paths:
            async with aclosing(lines(await self._provider.get(path))) as source:
                async for line in source:
                    name, outcome = read(line)
                    yield name, self._told(outcome)

    def _told(self, outcome: Callable[[], Response]) -> Response | ProviderError:
        try:
            with translated(self._provider.errors, tuple(self._provider.secrets())):
                return outcome()
        except ProviderError as error:
            return error


def in_path(name: str) -> str:
    """Return a vendor's name for something as a part of an address."""
    return quote(name, safe="")
