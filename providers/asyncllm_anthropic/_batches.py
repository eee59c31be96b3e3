"""Anthropic's Message Batches: all requests go up in one, and the results come down line by line."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

import msgspec

from asyncllm import http
from asyncllm.errors import ProviderError, RequestRejected, failure
from asyncllm.provider import SKEW, BatchState, BatchStatus, Bundle, Found, Lot, Response

from ._answers import WireError
from ._messages import Messages, refused

PATH = "/v1/messages/batches"

STATUSES: Mapping[str, BatchStatus] = {
    "in_progress": "running",
    "canceling":   "cancelling",
    "ended":       "ended",
}  # fmt: skip

WITHOUT_ANSWER: Mapping[str, str] = {
    "expired": "the batch's 24 hours were over before this request's turn came",
    "canceled": "the batch was cancelled before this request's turn came",
}
"""What is said of a request that was not answered, by the type of its result."""


class WireBatch(msgspec.Struct):
    id: str
    processing_status: str | None = None
    request_counts: dict[str, int] | None = None
    created_at: datetime | None = None
    cancel_initiated_at: Any = None
    archived_at: Any = None

    @property
    def requests(self) -> int:
        return sum((self.request_counts or {}).values())

    @property
    def status(self) -> BatchStatus:
        status = STATUSES.get(self.processing_status or "", "running")
        return "cancelled" if status == "ended" and self.cancel_initiated_at else status

    @property
    def counts(self) -> Mapping[str, int]:
        """The counts; until the batch has ended, all but ``processing`` are zero, whatever happened."""
        counts = self.request_counts or {}
        ended = self.processing_status == "ended"
        return counts if ended else {"processing": counts.get("processing", 0)}


class Page(msgspec.Struct):
    data: list[WireBatch]
    has_more: bool = False


class Failure(msgspec.Struct):
    """What the API answers where it fails."""

    error: WireError | None = None
    request_id: str | None = None


class Result(msgspec.Struct):
    type: str
    message: msgspec.Raw = msgspec.Raw(b"{}")
    error: Failure | None = None


class Line(msgspec.Struct):
    custom_id: str
    result: Result


batch_decoder = msgspec.json.Decoder(WireBatch)
page_decoder = msgspec.json.Decoder(Page)
line_decoder = msgspec.json.Decoder(Line)


class AnthropicBatches(http.HTTPBatchAPI):
    """Anthropic's Message Batches."""

    most_requests: ClassVar[int] = 100_000
    most_bytes: ClassVar[int] = 256_000_000
    window: ClassVar[float] = 24 * 3600

    async def submit(self, bundle: Bundle) -> str:
        headers = {**dict(bundle.lot.headers), "content-length": str(FRAME.size(bundle))}
        async with aclosing(FRAME.content(bundle)) as content:
            made = await http.received(await self._provider.upload(PATH, content, headers))
        return batch_decoder.decode(made).id

    async def look(self, id: str) -> BatchState:  # noqa: A002  # the vendors' word
        batch = batch_decoder.decode(await self.fetched(_path(id)))
        return BatchState(id=id, status=batch.status, counts=batch.counts)

    async def files(self, id: str) -> tuple[Sequence[str], http.Reader]:  # noqa: A002
        # Not the address that the batch names: the key goes to the server that it was meant for.
        return [f"{_path(id)}/results"], self._read

    async def cancel(self, id: str) -> None:  # noqa: A002
        await self._provider.fetched(f"{_path(id)}/cancel", b"", {})

    async def find(self, tag: str, *, requests: int, since: float, known: Collection[str]) -> Sequence[Found]:
        # A batch bears no mark of ours but the custom ids, and these show only in its results. How many
        # requests it has, shows at once.
        earliest = datetime.fromtimestamp(since - SKEW, UTC)
        found: list[Found] = []
        after = ""
        while True:
            page = page_decoder.decode(await self.fetched(f"{PATH}?limit=1000{after}"))
            recent = [batch for batch in page.data if batch.created_at is None or batch.created_at > earliest]
            for batch in recent:
                if batch.id not in known and batch.archived_at is None and batch.requests == requests:
                    has = await self._has(tag, batch)
                    found += [] if has is False else [Found(id=batch.id, certain=has is not None)]
            # The newest come first.
            if not page.has_more or not page.data or len(recent) < len(page.data):
                return found[::-1]
            after = f"&after_id={http.in_path(page.data[-1].id)}"

    async def _has(self, tag: str, batch: WireBatch) -> bool | None:
        """Say whether the custom ids of *batch* bear *tag*; None where that cannot be seen yet."""
        if batch.processing_status != "ended":
            return None
        async with self.results(batch.id) as results:
            async for name, _ in results:
                return name.startswith(f"{tag}-")
        return None

    def _read(self, line: str) -> tuple[str, Callable[[], Response]]:
        read = line_decoder.decode(line)
        return read.custom_id, partial(self._outcome, read.result)

    def _outcome(self, result: Result) -> Response:
        if result.type == "succeeded":
            # A message within a batch has no id of a request, and its own serves the support as well.
            return Messages(self._provider.errors).response(bytes(result.message), None)
        if result.error is not None:
            raise self._error(result.error)
        raise failure(
            WITHOUT_ANSWER.get(result.type, f"the batch calls this request {result.type!r}"),
            table=self._provider.errors,
            code=result.type,
            unknown=RequestRejected,
        )

    def _error(self, said: Failure) -> ProviderError:
        return refused(said.error or WireError(), self._provider.errors, said.request_id)


def _line(_lot: Lot, name: str, body: bytes) -> bytes:
    return b'{"custom_id":"%b","params":%b}' % (name.encode(), body)


FRAME = http.Frame(head=b'{"requests":[', between=b",", tail=b"]}", line=_line)


def _path(name: str) -> str:
    return f"{PATH}/{http.in_path(name)}"
