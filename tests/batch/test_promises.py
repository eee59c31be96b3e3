"""What a batch promises as a whole, at real sockets: nothing is lost, sent again unawares, or left behind."""

import gc
import json
import multiprocessing
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import nullcontext
from itertools import chain, repeat
from pathlib import Path
from urllib.request import urlopen

import anyio
import psutil
import pytest
from promised_batch import run

from asyncllm import LLM, JournalError, RequestRejected
from asyncllm.batch import JournalFile
from asyncllm.testing import Reply, ScriptedServer, openai_answer, openai_error

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MEGABYTE = 2**20
HELD = Reply(hold=True)

# Else each process would import them, which takes seconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["anyio._backends._asyncio", "asyncllm_openai", "httpcore2", "openai", "sqlite3", "truststore"]
)


def at(server):
    return LLM("openai:gpt-4.1", base_url=server.url + "/v1", api_key="k")


def said(request):
    return request.body["messages"][-1]["content"]


def capitals(request):
    return openai_answer(said(request).upper()) if request.method == "POST" else Reply()


async def until(condition):
    with anyio.fail_after(10):
        while not condition():  # noqa: ASYNC110 - the condition is another thread's
            await anyio.sleep(0.005)


class Killed:
    """A batch that is killed and run again, what the server sees of it, and what its journal says."""

    def __init__(self, folder, number, server):
        self.journal = folder / "run.db"
        self.taken = folder / "taken"
        self.number = number
        self.server = server

    def run(self, instant=None):
        """Let it run, until *instant* requests have come; return what came of it."""
        before = len(self.server.requests)
        self.taken.write_bytes(b"")
        process = PROCESSES.Process(target=run, args=(self.server.url, self.journal, self.taken, self.number))
        process.start()
        if instant is not None:
            requests, pause = instant
            while len(self.server.requests) < before + requests and process.is_alive():
                time.sleep(0.001)
            process.join(pause)
            process.kill()
        process.join(60)
        # What it has still sent is there once a later connection is served, and its own have ended.
        urlopen(self.server.url).close()
        anyio.run(until, lambda: not self.server.connections)
        came = [request for request in self.server.requests[before:] if request.method == "POST"]
        seen = Counter(said(request).replace("say ", "key-") for request in came)
        taken = self.taken.read_text().splitlines()
        code = process.exitcode
        process.close()
        return code, seen, taken

    def states(self):
        """Return the state of each item in the journal."""
        export = self.journal.with_name("export.jsonl")
        try:
            JournalFile(self.journal).export(export)
        except JournalError:  # It was killed before it had one.
            return {}
        items = map(json.loads, export.read_text().splitlines())
        return {item["key"]: item["state"] for item in items}


def kill_often(folder, times):
    chance = random.Random(6)
    with ScriptedServer() as server:
        server.reply(capitals)
        batch = Killed(folder, times * 40, server)
        known, sent, doubtful, finished = {}, Counter(), Counter(), set()
        for _ in range(times):
            code, seen, taken = batch.run((chance.randrange(40), chance.uniform(0, 0.03)))
            assert code == -signal.SIGKILL
            assert not finished & seen.keys(), "what is finished is not sent again"

            earlier, known = known, batch.states()
            again = seen.keys() & sent.keys()
            assert again <= {key for key, state in earlier.items() if state == "maybe_billed"}
            assert max(seen.values(), default=1) == 1
            assert seen.keys() <= known.keys(), "an intent is there before its request"
            finished = {key for key, state in known.items() if state == "done"}
            assert set(taken) <= finished, "an outcome is there before it is told"
            assert finished <= sent.keys() | seen.keys()
            sent += seen
            doubtful += Counter(seen.keys() - finished)

        code, seen, taken = batch.run()
        assert code == 0
        assert Counter(taken) == Counter(f"key-{index}" for index in range(batch.number))
        assert not finished & seen.keys()
        sent += seen

    assert {key: count - 1 for key, count in sent.items() if count > 1} == doubtful
    assert doubtful, "no request was under way at any of the kills: they show nothing"
    assert set(batch.states().values()) == {"done"}


def test_a_batch_that_is_killed_and_run_again_sends_twice_just_what_was_in_doubt(tmp_path):
    kill_often(tmp_path, 5)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_so_does_one_that_is_killed_fifty_times(tmp_path):
    kill_often(tmp_path, 50)


# The process between keeps what this one has in memory from being counted as the child's.
PEAK = "import sys, batch; print(batch.in_child('at once', sys.argv[1], 100, sys.argv[2])['peak'])"


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("number", "has_journal"), [(100_000, False), (30_000, True)])
def test_memory_does_not_grow_with_the_number_of_tasks(tmp_path, number, has_journal):
    def peak(number):
        journal = tmp_path / f"{number}.db" if has_journal else ""
        command = [sys.executable, "-c", PEAK, str(number), str(journal)]
        return float(subprocess.check_output(command, cwd=BENCHMARKS))

    assert peak(number) - peak(1_000) < 10  # MB; results that were kept would take some 1 KB each.


@pytest.mark.anyio
async def test_with_raise_no_request_comes_after_the_error_has_come_out():
    def reply(request):
        text = said(request)
        if text == "bad":
            return openai_error(400, "invalid_prompt")
        return HELD if text == "held" else openai_answer("ok")

    with ScriptedServer() as server:
        server.reply(reply)
        async with at(server) as llm:
            tasks = chain(["fine"] * 20, ["bad"], repeat("held"))
            async with llm.abatch(tasks, max_concurrency=8, on_error="raise") as results:
                with pytest.raises(RequestRejected):
                    async for _ in results:
                        pass
                held = [request for request in server.requests if said(request) == "held"]
                await until(lambda: all(request.disconnected.is_set() for request in held))
                sent = len(server.requests)
                await anyio.sleep(0.1)
                assert len(server.requests) == sent <= 20 + 1 + 7
            assert len(server.requests) == sent


async def whole(llm, journal):
    assert len(await llm.abatch_run(map(str, range(10)), max_concurrency=4)) == 10


async def journaled(llm, journal):
    async with llm.abatch(map(str, range(10)), max_concurrency=4, journal=journal) as results:
        assert len([result async for result in results]) == 10


async def left(llm, journal):
    async with llm.abatch(repeat("on and on"), max_concurrency=4) as results:
        await anext(results)


async def cancelled(llm, journal):
    with anyio.CancelScope() as scope:
        async with llm.abatch(repeat("on and on"), max_concurrency=4) as results:
            async for _ in results:
                scope.cancel()


async def failed(llm, journal):
    with pytest.raises(RequestRejected):
        await llm.abatch_run(chain(["on"] * 5, ["bad"], repeat("and on")), max_concurrency=4)


ENDS = [whole, journaled, left, cancelled, failed]


def used():
    """Return what this process uses of the machine now."""
    gc.collect()
    process = psutil.Process()
    return {
        "sockets": len(process.net_connections()),
        "files": len(process.open_files()),
        "descriptors": process.num_fds(),
        "threads": process.num_threads(),
        "tasks": len(anyio.get_running_tasks()),
        "memory": process.memory_info().rss,
        "objects": len(gc.get_objects()),
    }


ROOM = {"threads": 4, "memory": 8 * MEGABYTE, "objects": 90}
"""Event loops keep idle threads for a while, allocators keep pages; but no object stays for each batch."""


def more(before):
    """Return what this process uses more of than *before*."""
    grown = {kind: now - before[kind] for kind, now in used().items()}
    return {kind: by for kind, by in grown.items() if by > ROOM.get(kind, 0)}


@pytest.mark.anyio
async def test_after_a_hundred_batches_everything_is_back_to_where_it_was(tmp_path):
    def reply(request):
        return openai_error(400, "invalid_prompt") if said(request) == "bad" else openai_answer("ok")

    async def batches(number):
        for index in range(number):
            async with at(server) as llm:
                await ENDS[index % len(ENDS)](llm, tmp_path / f"{number}-{index}.db")
        await until(lambda: not server.connections)
        for request in server.requests:  # What the server remembers is not looked for.
            if request.disconnected.is_set():
                server.wait_for_disconnect()
        server.requests.clear()

    with ScriptedServer() as server:
        server.reply(reply)
        await batches(20)
        before = used()
        await batches(100)
        with anyio.move_on_after(10):
            while more(before):  # noqa: ASYNC110 - as above
                await anyio.sleep(0.05)
        assert more(before) == {}


@pytest.mark.parametrize("how", ["left", "cancelled", "broken off"])
@pytest.mark.anyio
async def test_who_leaves_a_batch_ends_all_of_its_requests(tmp_path, how):
    wrong = pytest.raises(ZeroDivisionError) if how == "broken off" else nullcontext()
    with ScriptedServer() as server:
        server.reply(openai_answer("ok"))
        server.reply(HELD)
        async with at(server) as llm:
            tasks = len(anyio.get_running_tasks())
            with wrong, anyio.CancelScope() as scope:
                async with llm.abatch(repeat("x"), max_concurrency=6, journal=tmp_path / "run.db") as results:
                    await anext(results)
                    await until(lambda: len(server.requests) == 7)
                    if how == "cancelled":
                        scope.cancel()
                        await anext(results)
                    if how == "broken off":
                        1 / 0  # noqa: B018

            assert len(anyio.get_running_tasks()) == tasks
            await until(lambda: all(request.disconnected.is_set() for request in server.requests[1:]))
            assert len(server.requests) == 7
        await until(lambda: not server.connections)

    status = await JournalFile(tmp_path / "run.db").astatus()
    assert (status.running, status.done, status.maybe_billed) == (None, 1, 6)
