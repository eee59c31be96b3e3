"""What a provider offers that has a batch API of its own: many requests in one go, answered within hours."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol, TypeAlias

from ._request import Request
from ._types import Response
from .errors import ProviderError

BatchStatus: TypeAlias = Literal[
    "preparing",   # the vendor is still looking through it
    "running",
    "ended",       # what could be answered was; each request's own fate is in the results
    "failed",      # the vendor refused it as a whole: nothing was answered
    "expired",     # its time was over before all were answered; what was answered is in the results
    "cancelling",
    "cancelled",   # as with expired
]  # fmt: skip
"""How far a batch is, in one vocabulary for all vendors."""

OVER: frozenset[BatchStatus] = frozenset({"ended", "failed", "expired", "cancelled"})
"""Nothing more happens to a batch of which one of these is said."""


SKEW = 300.0
"""Seconds by which a vendor's clock may differ from ours."""


def custom_id(tag: str, number: int) -> str:
    """
    Return the name, within the batch with *tag*, of the request with *number*.

    Vendors take letters, digits, hyphens and underscores, up to 64 of them.
    """
    return f"{tag}-{number:06d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """What all requests of one batch have in common: those that differ in it go into different ones."""

    path: str
    """Where a single call would go."""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers that the rules asked for, which only the batch as a whole can have."""
    model: str | None = None
    """The model, where the vendor takes only one a batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A request as a batch has it."""

    lot: Lot
    body: bytes
    """The JSON that a single call would send, on one line."""


class Bundle(Protocol):
    """Entries of one lot, ready to be submitted; their bodies may lie on the disk."""

    @property
    def lot(self) -> Lot:
        """What the entries have in common."""
        ...

    @property
    def tag(self) -> str:
        """What the batch is known again by: 24 letters and digits. Every custom id begins with it."""
        ...

    @property
    def size(self) -> int:
        """How many bytes the bodies are together."""
        ...

    def __len__(self) -> int: ...

    def entries(self) -> AsyncGenerator[tuple[str, bytes]]:
        """Give the custom id, all of them equally long, and the body of each; close it when done."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchState:
    """What the vendor says of a batch."""

    id: str
    status: BatchStatus
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many requests are how far, in the vendor's words; only those counts that it keeps up to date."""
    error: ProviderError | None = None
    """Why it failed as a whole."""
    faults: Mapping[int, ProviderError] = field(default_factory=dict[int, ProviderError])
    """Those requests, by their place, from 0 on, for which the whole was refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A batch that may be the one that was looked for."""

    id: str
    certain: bool
    """Whether it is; otherwise that shows when the batch has ended."""


class BatchAPI(ABC):
    """
    A vendor's own batches: what :meth:`Provider.batches` returns.

    Each method asks the vendor once; errors come out as the SDK's own, for the
    provider's table. Waiting, retrying, splitting and putting together are asyncllm's.
    """

    most_requests: ClassVar[int]
    """How many requests one batch takes."""
    most_bytes: ClassVar[int]
    """How many bytes it takes."""
    overhead: ClassVar[int] = 200
    """Bytes that a request takes besides its body, at most."""
    window: ClassVar[float]
    """Seconds within which the vendor answers, or gives up."""

    @abstractmethod
    def entry(self, request: Request) -> Entry:
        """Return *request* as a batch has it: with the very body that ``complete`` would send."""

    @abstractmethod
    async def submit(self, bundle: Bundle) -> str:
        """Submit *bundle*, once, and return the vendor's name for the batch."""

    @abstractmethod
    async def look(self, id: str) -> BatchState:  # noqa: A002  # the vendors' word
        """Return how far the batch is."""

    @abstractmethod
    def results(
        self,
        id: str,  # noqa: A002
    ) -> AbstractAsyncContextManager[AsyncIterator[tuple[str, Response | ProviderError]]]:
        """
        Give the custom id and the outcome of each request of a batch that is over, as they are read.

        They come in any order, and a connection that was cut may end them early
        without a word. An error is one of ours.
        """

    @abstractmethod
    async def cancel(self, id: str) -> None:  # noqa: A002
        """Have the vendor answer no more of the batch. One that is over stays as it is."""

    @abstractmethod
    async def find(self, tag: str, *, requests: int, since: float, known: Collection[str]) -> Sequence[Found]:
        """
        Return the batches that may have been submitted under *tag*, the oldest first.

        It is asked when nobody knows whether a batch was submitted: after a crash, or
        where the answer to it got lost. That a batch is missing here is taken for
        proof that it does not exist, so leave out only what is certainly another.

        Args:
            tag: What the custom ids begin with.

            requests: How many requests it has.

            since: When it was planned, in seconds since 1970.

            known: The names of batches that are certainly others.
        """
