"""OpenAI's Batch API: a file of requests goes up, and files of answers and of errors come down."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import ClassVar

import msgspec

from asyncllm import http
from asyncllm.errors import ProviderError, RequestRejected, UnexpectedResponse, failure
from asyncllm.provider import SKEW, BatchState, BatchStatus, Bundle, Found, Lot, Response

from ._chat import Chat
from ._responses import Responses
from ._wire import WireError, failed

TAG = "asyncllm_tag"
"""Where a batch's metadata holds its tag."""

STATUSES: Mapping[str, BatchStatus] = {
    "validating":  "preparing",
    "failed":      "failed",
    "in_progress": "running",
    "finalizing":  "running",
    "completed":   "ended",
    "expired":     "expired",
    "cancelling":  "cancelling",
    "cancelled":   "cancelled",
}  # fmt: skip

HEAD = (
    "--{boundary}\r\n"
    'Content-Disposition: form-data; name="purpose"\r\n\r\n'
    "batch\r\n"
    "--{boundary}\r\n"
    'Content-Disposition: form-data; name="file"; filename="{tag}.jsonl"\r\n'
    "Content-Type: application/jsonl\r\n\r\n"
)
"""What comes before the lines of a file where it is uploaded."""

VERSION = "/v1"
"""Stands before the address of a call where a batch names it."""


class Fault(WireError):
    """Why a batch was refused."""

    line: int | None = None


class Faults(msgspec.Struct):
    data: list[Fault] | None = None


class WireBatch(msgspec.Struct):
    id: str
    status: str | None = None
    endpoint: str | None = None
    created_at: float | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: Faults | None = None
    request_counts: dict[str, int] | None = None
    metadata: dict[str, str] | None = None


class Page(msgspec.Struct):
    data: list[WireBatch]
    has_more: bool = False


class File(msgspec.Struct):
    id: str


class Answered(msgspec.Struct):
    status_code: int | None = None
    request_id: str | None = None
    body: msgspec.Raw = msgspec.Raw(b"{}")


class Line(msgspec.Struct):
    custom_id: str
    response: Answered | None = None
    error: WireError | None = None


class Refusal(msgspec.Struct):
    error: WireError | None = None


batch_decoder = msgspec.json.Decoder(WireBatch)
page_decoder = msgspec.json.Decoder(Page)
file_decoder = msgspec.json.Decoder(File)
line_decoder = msgspec.json.Decoder(Line)
refusal_decoder = msgspec.json.Decoder(Refusal)


class OpenAIBatches(http.HTTPBatchAPI):
    """OpenAI's batches, of Chat Completions and of Responses."""

    most_requests: ClassVar[int] = 50_000
    most_bytes: ClassVar[int] = 200_000_000
    window: ClassVar[float] = 24 * 3600
    one_model = True

    async def submit(self, bundle: Bundle) -> str:
        asked = {
            "input_file_id": await self._uploaded(bundle),
            "endpoint": VERSION + bundle.lot.path,
            "completion_window": "24h",
            "metadata": {TAG: bundle.tag},
        }
        made = await self._provider.fetched("/batches", msgspec.json.encode(asked), {})
        return batch_decoder.decode(made).id

    async def look(self, id: str) -> BatchState:  # noqa: A002  # the vendors' word
        batch = await self._batch(id)
        faults = (batch.errors and batch.errors.data) or []
        errors = [(fault.line, self._error(fault)) for fault in faults]
        return BatchState(
            id=id,
            status=STATUSES.get(batch.status or "", "running"),
            counts=batch.request_counts or {},
            error=next((error for line, error in errors if line is None), None),
            faults={line - 1: error for line, error in errors if line is not None},
        )

    async def files(self, id: str) -> tuple[Sequence[str], http.Reader]:  # noqa: A002
        batch = await self._batch(id)
        errors = self._provider.errors
        surfaces = (Chat(errors, choices=1, called={}), Responses(errors))
        surface = next((each for each in surfaces if VERSION + each.path == batch.endpoint), None)
        if surface is None:
            raise UnexpectedResponse(f"the batch {id} asks {batch.endpoint}, which no call of ours goes to")

        names = filter(None, (batch.output_file_id, batch.error_file_id))
        return [f"/files/{http.in_path(name)}/content" for name in names], partial(self._read, surface)

    async def cancel(self, id: str) -> None:  # noqa: A002
        await self._provider.fetched(f"/batches/{http.in_path(id)}/cancel", b"", {})

    async def find(self, tag: str, *, requests: int, since: float, known: Collection[str]) -> Sequence[Found]:
        found: list[Found] = []
        after = ""
        while True:
            page = page_decoder.decode(await self.fetched(f"/batches?limit=100{after}"))
            found += (
                Found(id=batch.id, certain=True)
                for batch in page.data
                if batch.metadata is not None and batch.metadata.get(TAG) == tag
            )
            # The newest come first.
            if not page.has_more or not page.data or (page.data[-1].created_at or since) < since - SKEW:
                return found[::-1]
            after = f"&after={http.in_path(page.data[-1].id)}"

    async def _batch(self, name: str) -> WireBatch:
        return batch_decoder.decode(await self.fetched(f"/batches/{http.in_path(name)}"))

    async def _uploaded(self, bundle: Bundle) -> str:
        boundary = secrets.token_hex(16)
        frame = http.Frame(
            head=HEAD.format(boundary=boundary, tag=bundle.tag).encode(),
            between=b"",
            tail=f"\r\n--{boundary}--\r\n".encode(),
            line=_line,
        )
        headers = {
            "content-type": f"multipart/form-data; boundary={boundary}",
            "content-length": str(frame.size(bundle)),
        }
        async with aclosing(frame.content(bundle)) as content:
            uploaded = await http.received(await self._provider.upload("/files", content, headers))
        return file_decoder.decode(uploaded).id

    def _read(self, surface: http.Surface, line: str) -> tuple[str, Callable[[], Response]]:
        read = line_decoder.decode(line)
        return read.custom_id, partial(self._outcome, surface, read)

    def _outcome(self, surface: http.Surface, line: Line) -> Response:
        said = line.response
        if line.error is not None:
            raise self._error(line.error)
        if said is None:
            raise UnexpectedResponse("the line of the results holds neither an answer nor an error")

        status = said.status_code or 200
        if status >= 400:
            error = refusal_decoder.decode(said.body).error or WireError()
            code = error.code if isinstance(error.code, str) else error.type
            raise failure(
                error.message or f"the server answered {status}",
                table=self._provider.errors,
                code=code,
                status=status,
                request_id=said.request_id,
            )
        return surface.response(bytes(said.body), said.request_id)

    def _error(self, said: WireError) -> ProviderError:
        return failed(said, self._provider.errors, None, unknown=RequestRejected)


def _line(lot: Lot, name: str, body: bytes) -> bytes:
    url = VERSION + lot.path
    return b'{"custom_id":"%b","method":"POST","url":"%b","body":%b}\n' % (name.encode(), url.encode(), body)
