"""A vendor's batch API, scripted: what it does with batches, and what goes wrong."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit

from ._reply import Recorded, Reply

NOT_FOUND = Reply(
    status=404, json={"error": {"type": "not_found_error", "message": "There is no such thing."}}
)
BROKEN = Reply(status=500, json={"error": {"type": "api_error", "message": "The answer got lost."}})

Fate: TypeAlias = "Reply | Literal['expired', 'canceled']"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batched:
    """A request within a batch."""

    custom_id: str
    url: str
    """Where a single call would go."""
    body: Any
    times: int
    """How often the very same body was submitted, this time included."""

    @property
    def text(self) -> str:
        """The last message."""
        turns = self.body.get("messages") or self.body.get("input")
        return str(turns[-1]["content"])


@dataclass(slots=True, kw_only=True, eq=False)
class Submitted:
    """A batch that was submitted."""

    id: str
    requests: list[Batched]
    created: float
    asked: Mapping[str, Any]
    """The other fields that it was created with."""
    fates: list[tuple[Batched, Fate]] = field(default_factory=list[Any])
    looks: int = 0
    refused: list[Mapping[str, Any]] = field(default_factory=list[Any])
    """Why it fails as a whole."""
    is_cancelled: bool = False
    is_over: bool = False


class BatchServer(ABC):
    """
    What a :class:`ScriptedServer` replies where it is a vendor that takes batches::

        batches = OpenAIBatchServer()
        server.reply(batches)

    A batch ends once it was looked at, or listed, *looks* times. Its results come in reverse order.

    Args:
        fate:
            What becomes of a request: the reply of a single call, ``"expired"`` or
            ``"canceled"``. Default: the model says the last message in capitals.

        looks: How often a batch is looked at before it is over.
    """

    path: ClassVar[str]
    """Where the batches are."""
    cursor: ClassVar[str]
    """What a page begins after."""
    longest_page: ClassVar[int]

    def __init__(self, fate: Callable[[Batched], Fate] | None = None, *, looks: int = 2) -> None:
        self._fate = fate or self.capitals
        self._looks = looks
        self.batches: list[Submitted] = []
        """The batches, in the order in which they were submitted."""
        self.lost_answers = 0
        """How many of the next batches are made, but answered as a failure."""
        self.cut_results = 0
        """How many of the next files of results end in the middle of their last line."""
        self.refusals: list[list[Mapping[str, Any]]] = []
        """The errors for which each of the next batches fails as a whole."""
        self.times: Counter[str] = Counter()
        """How often each body was submitted."""

    @staticmethod
    @abstractmethod
    def capitals(request: Batched) -> Reply:
        """Say the last message in capitals."""

    @abstractmethod
    def create(self, asked: Any) -> Reply:
        """Make a batch of what was *asked*."""

    def __call__(self, request: Recorded) -> Reply:
        """Reply to *request*."""
        url = urlsplit(request.path)
        path = url.path.removeprefix(self.path).strip("/")
        if request.method == "GET" and not path:
            return Reply(json=self.page(url.query))
        if request.method == "POST" and not path:
            return self.create(request.body)

        name, _, verb = path.partition("/")
        batch = next((batch for batch in self.batches if batch.id == name), None)
        return self.elsewhere(request) if batch is None else self.about(batch, verb)

    def elsewhere(self, request: Recorded) -> Reply:
        """Reply to what is about no batch."""
        return NOT_FOUND

    def about(self, batch: Submitted, verb: str) -> Reply:
        """Reply to what is about *batch*."""
        if verb == "cancel":
            batch.is_cancelled = batch.is_cancelled or not batch.is_over
        return Reply(json=self.shown(batch) if verb else self.looked_at(batch))

    def made(self, lines: list[tuple[str, str, Any]], asked: Mapping[str, Any]) -> Submitted:
        """Make a batch of the custom id, the address and the body of each request."""
        requests: list[Batched] = []
        for custom_id, url, body in lines:
            told = json.dumps(body, sort_keys=True)
            self.times[told] += 1
            requests.append(Batched(custom_id=custom_id, url=url, body=body, times=self.times[told]))
        batch = Submitted(
            id=f"batch_{len(self.batches)}",
            requests=requests,
            created=datetime.now(UTC).timestamp(),
            asked=asked,
            refused=self.refusals.pop(0) if self.refusals else [],
        )
        self.batches.append(batch)
        return batch

    def created(self, batch: Submitted) -> Reply:
        """Return the answer to the one who submitted *batch*."""
        if self.lost_answers:
            self.lost_answers -= 1
            return BROKEN
        return Reply(json=self.shown(batch))

    def looked_at(self, batch: Submitted) -> Mapping[str, Any]:
        """Return what *batch* is by now."""
        batch.looks += 1
        if not batch.is_over and (batch.looks > self._looks or batch.is_cancelled):
            batch.is_over = True
            fates: list[tuple[Batched, Fate]] = [
                (each, "canceled" if batch.is_cancelled else self._fate(each)) for each in batch.requests
            ]
            batch.fates = [] if batch.refused else fates[::-1]
        return self.shown(batch)

    def file(self, lines: list[Any]) -> Reply:
        """Return a file of *lines*."""
        if self.cut_results and lines:
            self.cut_results -= 1
            return Reply(lines=lines, chunks=[len(json.dumps(lines[0])) // 2], cut_after=1)
        return Reply(lines=lines)

    def page(self, query: str) -> Mapping[str, Any]:
        """Return one page of all batches, the newest first."""
        asked = parse_qs(query)
        newest = self.batches[::-1]
        after = asked.get(self.cursor, [""])[0]
        start = next((place + 1 for place, each in enumerate(newest) if each.id == after), 0)
        size = min(self.longest_page, int(asked.get("limit", ["20"])[0]))
        shown = newest[start : start + size]
        return {"data": [self.looked_at(batch) for batch in shown], "has_more": len(newest) > start + size}

    @abstractmethod
    def shown(self, batch: Submitted) -> Mapping[str, Any]:
        """Return what the vendor says of *batch*."""


def is_answered(fate: Fate) -> bool:
    """Say whether a request was answered."""
    return isinstance(fate, Reply) and fate.status < 400
