"""What a scripted server is told to answer, and what it was asked."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Event: TypeAlias = "str | Mapping[str, Any] | tuple[str, str | Mapping[str, Any]]"
"""A server-sent event: its data, as a text or as what JSON is made from; or a pair of name and data."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recorded:
    """A request that came in."""

    method: str
    path: str
    """With the query, if there was one."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: Any
    """What its JSON holds; the bytes themselves where it is not JSON."""
    disconnected: threading.Event = field(default_factory=threading.Event)
    """Set when the client left before the reply was finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """
    An answer as data: what is sent, in which pieces, and what goes wrong.

    The body is one of *json*, *events*, *lines* and *body*. Where the reply stops
    early, ``…_after`` says how much of it is sent before: that many *chunks* where
    these are given, or else events or lines, or else bytes. With 0 the headers are all;
    a negative number counts from the end.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """In place of, or besides, the ``content-type`` that goes with the body."""
    json: Any = None
    events: Sequence[Event] | None = None
    """Server-sent events."""
    lines: Sequence[Any] | None = None
    """One JSON value a line (NDJSON)."""
    body: bytes = b""
    """Bytes as they are; the content type says JSON."""
    chunks: Sequence[int] = ()
    """The sizes, over and over, of the pieces that the body is sent in: ``[1]`` sends single bytes."""
    pause: float = 0
    """Seconds before each piece."""
    hold: bool = False
    """Send nothing at all, until the client leaves or the server closes."""
    hold_after: int | None = None
    """Send this much, then nothing, until the client leaves or the server closes."""
    cut_after: int | None = None
    """Send this much, then end as if that were all."""
    reset_after: int | None = None
    """Send this much, then reset the connection (a TCP RST)."""

    def full_headers(self) -> dict[str, str]:
        """Return the headers, the content type among them."""
        kind = "application/json"
        if self.events is not None:
            kind = "text/event-stream; charset=utf-8"
        elif self.lines is not None:
            kind = "application/x-ndjson"
        return {"content-type": kind, **{name.lower(): value for name, value in self.headers.items()}}

    def pieces(self) -> Sequence[bytes]:
        """Return what is sent of the body, piece by piece."""
        content = self._content()
        if self.chunks:
            whole = content if isinstance(content, bytes) else b"".join(content)
            content = list(_split(whole, self.chunks))
        stops = (self.hold_after, self.cut_after, self.reset_after)
        sent = content[: next((stop for stop in stops if stop is not None), None)]
        return [sent] if isinstance(sent, bytes) else sent

    def _content(self) -> bytes | list[bytes]:
        if self.events is not None:
            return [_event(event) for event in self.events]

        if self.lines is not None:
            return [_json(line) + b"\n" for line in self.lines]

        return self.body if self.json is None else _json(self.json)


Script: TypeAlias = Reply | Callable[[Recorded], Reply]
"""A reply, or what makes one from the request."""


def words(text: str) -> int:
    """Count the tokens of a ready-made reply, nearly enough, and never none."""
    return max(1, len(text.split()))


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _event(event: Event) -> bytes:
    name, data = event if isinstance(event, tuple) else ("", event)
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + (data.encode() if isinstance(data, str) else _json(data)) + b"\n\n"


def _split(body: bytes, sizes: Sequence[int]) -> Generator[bytes]:
    start = 0
    for size in itertools.cycle(sizes):
        if start >= len(body):
            return
        yield body[start : start + size]
        start += size
