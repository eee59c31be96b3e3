"""An answer is the same, however it is asked for."""

from __future__ import annotations

import json
from dataclasses import replace

import anyio
import pytest

from asyncllm.provider import Provider, Response
from asyncllm.testing._reply import Recorded, Reply
from asyncllm.testing._server import ScriptedServer

from ._expect import described, expect, expect_none, fail, led_to, outcome
from ._served import HTTPSubject
from ._subject import MODES, PIECES, Make, Subject

TOLD_BY = ("text", "reasoning", "finish_reason", "matched_stop", "usage", "model", "request_id")
"""What an answer tells, streamed or not."""
APART = "one instance serves many calls at a time: keep what belongs to a call out of its attributes"


def answered(got: Response | Exception) -> Response:
    """Return the answer that *got* has to be."""
    if isinstance(got, Exception):
        fail(f"an ordinary call fails with {described(got)}; what led to it:", list(led_to(got)))
    return got


class Answers(Subject):
    """A call brings an answer, and a stream brings the same."""

    pytestmark = pytest.mark.anyio

    async def test_streaming_equals_not_streaming(self, make: Make) -> None:
        async with make() as llm:
            whole, streamed = [answered(await outcome(llm, mode)) for mode in MODES]

        expect_none(
            (
                f"{part}: {getattr(whole, part)!r} whole, {getattr(streamed, part)!r} streamed"
                for part in TOLD_BY
                if getattr(whole, part) != getattr(streamed, part)
            ),
            "complete() and stream() tell of one answer differently: read the same fields in both",
        )

    @pytest.mark.parametrize("mode", MODES)
    async def test_an_answer_says_why_it_ended(self, make: Make, mode: str) -> None:
        async with make() as llm:
            reason = answered(await outcome(llm, mode)).finish_reason

        expect(reason != "unknown", "give the answer's last Delta, or its Choice, a finish_reason")

    @pytest.mark.parametrize("mode", MODES)
    async def test_calls_at_the_same_time_get_each_its_own_answer(self, make: Make, mode: str) -> None:
        got: list[Response | Exception] = []

        async def one() -> None:
            got.append(await outcome(llm, mode))

        async with make() as llm:
            async with anyio.create_task_group() as group:
                for _ in range(4):
                    group.start_soon(one)
            alone = answered(await outcome(llm, mode))

        expect_none(
            (
                f"{answered(each).text!r} is not {alone.text!r}"
                for each in got
                if answered(each).text != alone.text
            ),
            APART,
        )


class HTTPAnswers(Answers, HTTPSubject):
    """What a server says comes out as it was said."""

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("size", [0, 1, 7], ids=["whole events", "single bytes", "sevens"])
    async def test_no_character_is_lost_however_the_answer_comes_in(
        self, server: ScriptedServer, mode: str, size: int
    ) -> None:
        server.reply(lambda request: _in_chunks(self.says(request, *PIECES), size))
        async with self.llm(server.url) as llm:
            text = answered(await outcome(llm, mode)).text

        expect(
            text == "".join(PIECES),
            f"the server said {''.join(PIECES)!r}, and the answer is {text!r}: decode only whole events, "
            "and strip nothing",
        )

    async def test_who_reads_a_stream_has_asked_for_one(self, server: ScriptedServer, make: Make) -> None:
        async with make() as llm:
            answered(await outcome(llm, "stream"))
        expect(
            self.provider.stream is Provider.stream or self.is_stream(server.requests[-1]),
            "a stream is wanted, and a whole answer was asked for: let body(…, stream=True) ask for one; "
            'where your server tells by something else than "stream": true, replace is_stream()',
        )

    @pytest.mark.parametrize("mode", MODES)
    async def test_each_call_gets_the_answer_to_its_own_task(self, server: ScriptedServer, mode: str) -> None:
        server.reply(lambda request: self.says(request, _asked_in(request)))
        tasks = [f"task-{number:02}" for number in range(12)]
        got: dict[str, str] = {}

        async def one(task: str) -> None:
            got[task] = answered(await outcome(llm, mode, task)).text

        async with self.llm(server.url) as llm, anyio.create_task_group() as group:
            for task in tasks:
                group.start_soon(one, task)

        expect_none(
            (f"{task} was answered with {text!r}" for task, text in got.items() if task != text),
            APART,
        )


def _in_chunks(reply: Reply, size: int) -> Reply:
    return replace(reply, chunks=[size] if size else ())


def _asked_in(request: Recorded) -> str:
    return "task-" + json.dumps(request.body).partition("task-")[2][:2]
