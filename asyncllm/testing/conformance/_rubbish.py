"""What is no answer, whatever the vendor's answers look like."""

from __future__ import annotations

from collections.abc import Mapping

from asyncllm.testing._reply import Reply

NO_ANSWERS: Mapping[str, Reply] = {
    "nothing": Reply(),
    "a page of HTML": Reply(headers={"content-type": "text/html"}, body=b"<html><h1>Welcome</h1></html>"),
    "HTML that says JSON": Reply(body=b"<html>"),
    "half of JSON": Reply(body=b'{"choices": [{"mess'),
    "no UTF-8": Reply(body=b'{"text": "\xff\xfe"}'),
    "null": Reply(body=b"null"),
    "a number": Reply(body=b"42"),
    "an empty list": Reply(body=b"[]"),
    "an empty object": Reply(body=b"{}"),
    "another object": Reply(json={"detail": "moved"}),
    "an empty stream of events": Reply(events=[]),
    "events that are no JSON": Reply(events=["{no", "json"]),
    "events of something else": Reply(events=[{"hello": "there"}, {"good": "bye"}]),
    "lines that are no JSON": Reply(headers={"content-type": "application/x-ndjson"}, body=b"{no\njson\n"),
    "lines of something else": Reply(lines=[{"hello": "there"}, 42, None]),
    "status 204": Reply(status=204),
}  # fmt: skip


def spoilt(reply: Reply) -> list[Reply]:
    """Return *reply* with each of its parts, in turn, made unreadable."""
    whole = reply.pieces()
    return [
        Reply(
            headers=reply.full_headers(),
            body=b"".join([*whole[:number], part.replace(b"{", b"{{{", 1), *whole[number + 1 :]]),
        )
        for number, part in enumerate(whole)
    ]
