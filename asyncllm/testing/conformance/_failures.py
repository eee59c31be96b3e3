"""Whatever the server does, it is an answer, or an error of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import anyio.to_thread
import pytest

from asyncllm.errors import IncompleteResponse, InvalidResponse, TimedOut, Unavailable
from asyncllm.testing._reply import Reply
from asyncllm.testing._server import ScriptedServer

from ._expect import as_an_error, as_whole, expect, expect_none, outcome
from ._rubbish import NO_ANSWERS, spoilt
from ._served import HTTPSubject
from ._subject import MODES, PIECES

WHOLE = "".join(PIECES)
SOON = 0.3
"""Seconds after which a call is given up that would never end."""


class Failures(HTTPSubject):
    """Whatever the server does, it is an answer, or an error of ours."""

    pytestmark = pytest.mark.anyio

    @pytest.mark.parametrize("mode", MODES)
    async def test_what_is_no_answer_is_an_invalid_response(self, server: ScriptedServer, mode: str) -> None:
        problems: list[str] = []
        async with self.llm(server.url) as llm:
            for case, reply in NO_ANSWERS.items():
                server.reply(reply)
                got = await outcome(llm, mode)
                problem = None if isinstance(got, Unavailable) else as_an_error(got, InvalidResponse)
                problems += [f"{case}: {problem}"] if problem else []
        expect_none(
            problems,
            "what is no answer in the vendor's format is an InvalidResponse: give your decoder's errors rows "
            "in `errors`, and raise UnexpectedResponse for another shape",
        )

    async def test_a_stream_that_is_cut_is_never_a_short_answer(self, server: ScriptedServer) -> None:
        reply = self.stream(*PIECES)
        cuts = [replace(reply, cut_after=number) for number in range(len(reply.pieces()))]
        expect_none(
            [problem async for problem in self._short(server, "stream", cuts)],
            "an answer counts only once its end has come: give a finish_reason only when it was said",
        )

    async def test_an_answer_that_is_cut_is_never_a_short_answer(self, server: ScriptedServer) -> None:
        reply = replace(self.answer(WHOLE), chunks=[16])
        cuts = [replace(reply, cut_after=number) for number in range(len(reply.pieces()))]
        expect_none(
            [problem async for problem in self._short(server, "complete", cuts)],
            "half an answer is an InvalidResponse: give your decoder's errors rows in `errors`",
        )

    @pytest.mark.parametrize("mode", MODES)
    async def test_a_connection_that_is_reset_is_an_error(self, server: ScriptedServer, mode: str) -> None:
        reply = self.stream(*PIECES) if mode == "stream" else replace(self.answer(WHOLE), chunks=[16])
        resets = [replace(reply, reset_after=number) for number in range(len(reply.pieces()))]
        expect_none(
            [problem async for problem in self._short(server, mode, resets)],
            "what breaks below the SDK is an error of ours: put **http.TRANSPORT_ERRORS first in `errors`",
        )

    async def test_a_stream_with_rubbish_in_it_is_an_error_or_whole(self, server: ScriptedServer) -> None:
        expect_none(
            [problem async for problem in self._short(server, "stream", spoilt(self.stream(*PIECES)))],
            "an event that cannot be read is an InvalidResponse, not one to pass over: it may have held text",
        )

    @pytest.mark.parametrize("mode", MODES)
    async def test_a_server_that_stalls_is_left_when_the_time_is_up(
        self, server: ScriptedServer, mode: str
    ) -> None:
        stalled = [Reply(hold=True), Reply(headers={"content-type": "application/json"}, hold_after=0)]
        stalled += [replace(self.stream(*PIECES), hold_after=2)] if mode == "stream" else []
        problems: list[str] = []
        async with self.llm(server.url, timeout=SOON) as llm:
            for reply in stalled:
                server.reply(reply)
                if problem := as_an_error(await outcome(llm, mode), TimedOut):
                    problems.append(problem)
                try:
                    await anyio.to_thread.run_sync(server.wait_for_disconnect, self.patience)
                except TimeoutError:
                    problems.append("the connection stays open")
        expect_none(
            problems,
            "asyncllm cancels a call whose timeout= is over: let that through, and close the connection",
        )

    @pytest.mark.parametrize("mode", MODES)
    async def test_a_server_that_is_not_there_is_unavailable(self, mode: str) -> None:
        with ScriptedServer() as gone:
            url = gone.url
        async with self.llm(url) as llm:
            problem = as_an_error(await outcome(llm, mode), Unavailable)
        expect(problem is None, f"no server: {problem}")

    async def _short(self, server: ScriptedServer, mode: str, replies: Sequence[Reply]) -> AsyncIterator[str]:
        """Yield where what is left of an answer passes for the whole, or is no error of ours."""
        async with self.llm(server.url) as llm:
            for number, reply in enumerate(replies):
                server.reply(reply)
                got = await outcome(llm, mode)
                if problem := as_whole(got, WHOLE):
                    yield f"after {number} of {len(replies)} parts: {problem}"
                elif isinstance(got, IncompleteResponse) and not WHOLE.startswith(got.text):
                    yield f"after {number} of {len(replies)} parts: its text is {got.text!r}"
