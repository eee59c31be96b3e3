"""Nothing is left behind: no task, no thread, no socket, no warning."""

from __future__ import annotations

import gc
import sys
import threading
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import pytest

from asyncllm import LLM
from asyncllm.testing._reply import Reply
from asyncllm.testing._server import ScriptedServer

from ._expect import TASK, eventually, expect, expect_none, outcome
from ._served import HTTPSubject
from ._subject import BACKENDS, MODES, Make, Subject

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

WORKERS = frozenset({"AnyIO", "Trio", "asyncio", "ThreadPoolExecutor-"})
"""Threads that an event loop keeps for the next time."""
CLOSE = "close in aclose() what aopen() and the calls have opened, and in stream() what the call has"


class Leftovers(Subject):
    """Nothing is left behind."""

    def test_making_a_provider_opens_nothing(self) -> None:
        with _nothing_left(self.patience):
            self.made()

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_a_provider_that_never_opened_closes(self, backend: str) -> None:
        with _nothing_left(self.patience):
            anyio.run(self.made().aclose, backend=backend)

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("backend", BACKENDS)
    def test_nothing_is_left_after_answers(self, make: Make, backend: str, mode: str) -> None:
        with _nothing_left(self.patience):
            anyio.run(_asked, make(), mode, backend=backend)

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_nothing_is_left_after_a_stream_that_was_left(self, make: Make, backend: str) -> None:
        with _nothing_left(self.patience):
            anyio.run(_left, make(), backend=backend)

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_nothing_is_left_of_an_llm_that_nobody_closes(self, make: Make, backend: str) -> None:
        with _nothing_left(self.patience, threads=False):
            anyio.run(outcome, make(), "stream", backend=backend)


class HTTPLeftovers(Leftovers, HTTPSubject):
    """No socket is left behind."""

    @pytest.mark.anyio
    @pytest.mark.parametrize("mode", MODES)
    async def test_no_connection_outlives_its_llm(
        self, server: ScriptedServer, make: Make, mode: str
    ) -> None:
        await _asked(make(), mode)
        await anyio.to_thread.run_sync(_no_connection, server, self.patience)

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("backend", BACKENDS)
    def test_nothing_is_left_after_failures(self, server: ScriptedServer, backend: str, mode: str) -> None:
        async def fail() -> None:
            async with self.llm(server.url, timeout=self.patience) as llm:
                for reply in (
                    self.error(500, "No."),
                    Reply(body=b"<html>"),
                    Reply(reset_after=0),
                    *([] if mode == "complete" else [_cut(self.stream("a", "b", "c"))]),
                ):
                    server.reply(reply)
                    await outcome(llm, mode)

        with _nothing_left(self.patience):
            anyio.run(fail, backend=backend)
        _no_connection(server, self.patience)

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_no_connection_outlives_its_event_loop(
        self, server: ScriptedServer, make: Make, backend: str
    ) -> None:
        llm = make()
        anyio.run(outcome, llm, "complete", backend=backend)
        _no_connection(server, self.patience)


async def _asked(llm: LLM, mode: str) -> None:
    before = {task.id for task in anyio.get_running_tasks()}
    async with llm, anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(outcome, llm, mode)
    left = [task.name for task in anyio.get_running_tasks() if task.id not in before]
    expect_none(map(str, left), f"tasks go on after the LLM is closed: {CLOSE}")


async def _left(llm: LLM) -> None:
    async with llm, llm.astream(TASK) as stream:
        async for _ in stream:
            break


def _cut(reply: Reply) -> Reply:
    return Reply(headers=reply.full_headers(), body=b"".join(reply.pieces()[:2]))


def _no_connection(server: ScriptedServer, patience: float) -> None:
    expect(
        eventually(lambda: server.connections == 0, patience),
        f"{server.connections} connections are open though the LLM is closed, or its loop has ended: {CLOSE}",
    )


@contextmanager
def _nothing_left(patience: float, *, threads: bool = True) -> Generator[None]:
    """Fail where the block leaves a thread, a warning, or an exception that nobody sees."""
    before = set(threading.enumerate())
    unseen: list[str] = []

    def note(args: UnraisableHookArgs) -> None:
        unseen.append(f"{args.err_msg or 'unraisable'}: {args.exc_value!r}")

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        hook, sys.unraisablehook = sys.unraisablehook, note
        try:
            yield
            gc.collect()
        finally:
            sys.unraisablehook = hook
    expect_none([*unseen, *(f"{each.category.__name__}: {each.message}" for each in warned)], CLOSE)
    if threads:
        gone = eventually(lambda: not _new(before), patience)
        expect(gone, f"threads go on after the LLM is closed, {', '.join(_new(before))}: {CLOSE}")


def _new(before: set[threading.Thread]) -> list[str]:
    new = set(threading.enumerate()) - before
    return [thread.name for thread in new if thread.name.split()[0].split("_")[0] not in WORKERS]
