"""Whoever leaves a call ends it."""

from __future__ import annotations

import anyio
import anyio.to_thread
import pytest

from asyncllm import LLM
from asyncllm.testing._server import ScriptedServer

from ._answers import answered
from ._expect import TASK, eventually, expect, outcome
from ._served import HTTPSubject
from ._subject import MODES, Make, Subject

ENDS = (
    "the provider's side goes on after the caller has left: write stream() as an @asynccontextmanager that "
    "closes the connection in a finally, and close it in complete() too, whatever is raised"
)


class Leaving(Subject):
    """A stream can be left at any point, and the provider goes on working."""

    pytestmark = pytest.mark.anyio

    async def test_a_stream_that_is_left_early_is_cancelled_and_the_next_call_works(self, make: Make) -> None:
        async with make() as llm:
            whole = answered(await outcome(llm, "complete")).text
            async with llm.astream(TASK) as stream:
                async for _ in stream:
                    break
            after = answered(await outcome(llm, "stream")).text

        expect(
            whole.startswith(stream.response.text),
            f"what had come is {stream.response.text!r}, which is no beginning of {whole!r}",
        )
        expect(after == whole, f"after a stream was left, the answer is {after!r}, no longer {whole!r}")

    async def test_a_stream_that_nobody_reads_does_no_harm(self, make: Make) -> None:
        async with make() as llm:
            async with llm.astream(TASK):
                pass
            answered(await outcome(llm, "complete"))

    @pytest.mark.parametrize("mode", MODES)
    async def test_a_cancelled_call_stays_cancelled_and_the_next_one_works(
        self, make: Make, mode: str
    ) -> None:
        swallowed = False
        async with make() as llm:
            answered(await outcome(llm, mode))
            with anyio.CancelScope() as scope:
                scope.cancel()
                await outcome(llm, mode)
                swallowed = True
            answered(await outcome(llm, mode))

        expect(not swallowed, "a cancellation was swallowed: catch Exception, never BaseException")


class HTTPLeaving(Leaving, HTTPSubject):
    """Whoever leaves a call closes its connection."""

    async def test_leaving_a_stream_early_closes_its_connection(self, server: ScriptedServer) -> None:
        server.reply(self.stream("a", "b", "c"), hold_after=-1)
        async with self.llm(server.url) as llm:
            async with llm.astream(TASK) as stream:
                async for _ in stream:
                    break
            await self._disconnected(server)

    async def test_an_error_in_the_readers_own_code_closes_the_connection(
        self, server: ScriptedServer
    ) -> None:
        server.reply(self.stream("a", "b", "c"), hold_after=-1)
        async with self.llm(server.url) as llm:
            with pytest.raises(ZeroDivisionError):
                await _divided(llm)
            await self._disconnected(server)

    @pytest.mark.parametrize("mode", MODES)
    async def test_cancelling_a_call_that_waits_closes_its_connection(
        self, server: ScriptedServer, mode: str
    ) -> None:
        server.reply(hold=True)
        async with self.llm(server.url) as llm:
            await self._cancelled(llm, server, mode)

    async def test_cancelling_a_call_amid_its_answer_closes_its_connection(
        self, server: ScriptedServer
    ) -> None:
        server.reply(self.answer("a b c"), chunks=[5], hold_after=2)
        async with self.llm(server.url) as llm:
            await self._cancelled(llm, server, "complete")

    async def _cancelled(self, llm: LLM, server: ScriptedServer, mode: str) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(outcome, llm, mode)
            await anyio.to_thread.run_sync(eventually, lambda: server.requests, self.patience)
            group.cancel_scope.cancel()
        await self._disconnected(server)

    async def _disconnected(self, server: ScriptedServer) -> None:
        try:
            await anyio.to_thread.run_sync(server.wait_for_disconnect, self.patience)
        except TimeoutError:
            pytest.fail(ENDS, pytrace=False)


async def _divided(llm: LLM) -> None:
    async with llm.astream(TASK) as stream:
        async for _ in stream:
            raise ZeroDivisionError
