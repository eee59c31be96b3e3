"""JSON of another shape than the vendor's, which is an answer, or an error of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import anyio
import pytest

from asyncllm.errors import ProviderError
from asyncllm.provider import Response
from asyncllm.testing._reply import Reply
from asyncllm.testing._server import ScriptedServer

from ._expect import as_an_error, expect_none, outcome, raised
from ._served import HTTPSubject
from ._subject import MODES

OTHERS: Mapping[str, Any] = {
    "null":      None,
    "a number":  42,
    "a text":    "x",
    "a list":    [],
    "an object": {},
}  # fmt: skip


class Shapes(HTTPSubject):
    """Whatever stands in an answer's place, it is an answer, or an error of ours."""

    def test_an_answer_of_another_shape_is_no_raw_error(self, server: ScriptedServer) -> None:
        anyio.run(self._survives, server, "complete", [*_bent_replies(self.answer("Hi"))])

    def test_a_stream_of_another_shape_is_no_raw_error(self, server: ScriptedServer) -> None:
        anyio.run(self._survives, server, "stream", [*_bent_replies(self.stream("Hi"))])

    @pytest.mark.anyio
    @pytest.mark.parametrize("mode", MODES)
    async def test_an_error_with_a_status_of_success_is_an_error(
        self, server: ScriptedServer, mode: str
    ) -> None:
        server.reply(self.error(200, "Not today."))
        async with self.llm(server.url) as llm:
            got = await outcome(llm, mode)
        unheard = None if "Not today." in str(got) else f"its words, 'Not today.', are not in {got!r}"
        expect_none(
            filter(None, [as_an_error(got) or unheard]),
            "a gateway may send an error with status 200: raise asyncllm.errors.failure(message, …) for it",
        )

    async def _survives(
        self, server: ScriptedServer, mode: str, replies: Sequence[tuple[str, Reply]]
    ) -> None:
        problems: list[str] = []
        async with self.llm(server.url) as llm:
            for case, reply in replies:
                server.reply(reply)
                problem = _unsound(await outcome(llm, mode))
                problems += [f"{case}: {problem}"] if problem else []
        expect_none(
            problems,
            "what is of another shape than the vendor's is an UnexpectedResponse: check what you read, or "
            "raise it from AttributeError, LookupError, TypeError and ValueError",
        )


def _unsound(got: Response | Exception) -> str | None:
    """Return what is wrong with *got*; None for an answer, and an error of ours."""
    if not isinstance(got, Response):
        return None if isinstance(got, ProviderError) else f"the raw {raised(got)}"

    texts: list[object] = [choice.text for choice in got.choices]
    usage = got.usage
    counts: list[object] = [] if usage is None else [usage.input_tokens, usage.output_tokens]
    strange = [text for text in texts if not isinstance(text, str)]
    strange += [count for count in counts if not isinstance(count, int)]
    return f"{strange[0]!r} passed for a text, or a count of tokens" if strange else None


def _bent_replies(reply: Reply) -> Iterator[tuple[str, Reply]]:
    """Yield *reply* with each place of its JSON, in turn, of another shape; and which it is."""
    if reply.events is not None:
        for number, event in enumerate(reply.events):
            name, data = event if isinstance(event, tuple) else ("", event)
            for case, other in () if isinstance(data, str) else _bent(data):
                bent: Any = (name, other)
                yield f"event {number}: {case}", replace(reply, events=_with(reply.events, number, bent))
    elif reply.lines is not None:
        for number, line in enumerate(reply.lines):
            for case, other in _bent(line):
                yield f"line {number}: {case}", replace(reply, lines=_with(reply.lines, number, other))
    else:
        # Without JSON, a reply is empty: what that means is tried elsewhere.
        bent_jsons = ((case, other) for case, other in _bent(reply.json) if other is not None)
        yield from ((case, replace(reply, json=other)) for case, other in bent_jsons)


def _bent(value: Any, place: str = "all of it") -> Iterator[tuple[str, Any]]:
    """Yield *value* with each of its places, in turn, of another shape, or left out; and which it is."""
    for kind, other in OTHERS.items():
        yield f"{place} is {kind}", other
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        for key, inner in fields.items():
            yield f"{key!r} is left out", {name: each for name, each in fields.items() if name != key}
            for case, other in _bent(inner, repr(key)):
                yield case, {**fields, key: other}
    elif isinstance(value, list):
        items = cast("Sequence[Any]", value)
        for number, inner in enumerate(items):
            for case, other in _bent(inner, f"{place}[{number}]"):
                yield case, _with(items, number, other)


def _with(items: Sequence[Any], number: int, other: Any) -> list[Any]:
    return [*items[:number], other, *items[number + 1 :]]
