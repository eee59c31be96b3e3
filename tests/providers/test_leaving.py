"""Whoever leaves a call ends it: the server sees the connection close, and nothing is left."""

import gc
import threading

import anyio
import anyio.to_thread
import pytest

from asyncllm import LLM
from asyncllm.testing import ScriptedServer, anthropic_answer, anthropic_stream, openai_answer, openai_stream

pytestmark = pytest.mark.anyio

MODELS = {"openai": "openai:gpt-4.1", "anthropic": "anthropic:claude-sonnet-4-6"}
ANSWERS = {"openai": openai_answer, "anthropic": anthropic_answer}
STREAMS = {"openai": openai_stream, "anthropic": anthropic_stream}


@pytest.fixture(params=MODELS)
def provider(request):
    return request.param


@pytest.fixture
def llm(provider, server, settings_for):
    return LLM(MODELS[provider], max_tokens=500, **settings_for(provider, server))


async def until(condition):
    with anyio.fail_after(10):
        while not condition():  # noqa: ASYNC110  # the condition is another thread's
            await anyio.sleep(0.005)


async def test_cancelling_a_call_closes_its_connection(llm, provider, server):
    server.reply(ANSWERS[provider]("never"), hold=True)

    async with llm, anyio.create_task_group() as group:
        group.start_soon(llm.arun, "?")
        await until(lambda: server.requests)
        group.cancel_scope.cancel()
    await until(lambda: server.requests[0].disconnected.is_set())
    await until(lambda: server.connections == 0)


async def test_leaving_a_stream_early_closes_its_connection(llm, provider, server):
    server.reply(STREAMS[provider]("a", "b", "c"), hold_after=4)

    async with llm:
        async with llm.astream("?") as stream:
            async for _ in stream:
                break
        await until(lambda: server.requests[0].disconnected.is_set())

    assert stream.response.finish_reason == "cancelled"
    assert stream.response.text == "a"
    await until(lambda: server.connections == 0)


async def test_cancelling_a_stream_that_waits_closes_its_connection(llm, provider, server):
    server.reply(STREAMS[provider]("a", "b", "c"), hold_after=4)

    async def read():
        async with llm.astream("?") as stream:
            async for _ in stream:
                got.set()

    got = anyio.Event()
    async with llm, anyio.create_task_group() as group:
        group.start_soon(read)
        await got.wait()
        group.cancel_scope.cancel()
    await until(lambda: server.requests[0].disconnected.is_set())


async def test_an_error_in_the_readers_own_code_closes_the_connection_and_comes_out_as_it_is(
    llm, provider, server
):
    server.reply(STREAMS[provider]("a", "b", "c"), hold_after=4)

    async with llm:
        with pytest.raises(ZeroDivisionError):
            async with llm.astream("?") as stream:
                async for _ in stream:
                    1 / 0  # noqa: B018
        await until(lambda: server.requests[0].disconnected.is_set())


async def test_cancelling_a_batch_closes_every_connection(provider, server, settings_for):
    server.reply(hold=True)
    llm = LLM(MODELS[provider], max_tokens=500, **settings_for(provider, server))

    async with llm:
        with anyio.move_on_after(10):
            async with anyio.create_task_group() as group:
                group.start_soon(llm.abatch_run, ["?"] * 10)
                await until(lambda: len(server.requests) == 10)
                group.cancel_scope.cancel()
    await until(lambda: all(request.disconnected.is_set() for request in server.requests))


async def test_nothing_is_left_when_an_llm_is_closed(llm, provider, server):
    server.reply(ANSWERS[provider]("ok"))
    before = set(threading.enumerate())

    async with llm:
        await llm.abatch_run(["?"] * 20)
        assert server.connections > 0
    gc.collect()

    await until(lambda: server.connections == 0)
    # Only workers of the event loop's own, which look up addresses and the like, may be new.
    left = {thread.name.split()[0].split("_")[0] for thread in set(threading.enumerate()) - before}
    assert left <= {"AnyIO", "Trio", "asyncio"}


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_llm_that_nobody_closes_is_closed_with_its_loop(provider, settings_for, backend):
    with ScriptedServer() as server:
        server.reply(ANSWERS[provider]("ok"))
        llm = LLM(MODELS[provider], max_tokens=500, **settings_for(provider, server))

        for _ in range(2):
            assert anyio.run(llm.arun, "?", backend=backend) == "ok"
            gc.collect()
            anyio.run(until, lambda: server.connections == 0)

        assert len(server.requests) == 2


def test_one_llm_serves_asyncio_trio_threads_and_sync_code_with_one_post_a_call(provider, settings_for):
    with ScriptedServer() as server:
        server.reply(ANSWERS[provider]("ok"))
        with LLM(MODELS[provider], max_tokens=500, **settings_for(provider, server)) as llm:
            anyio.run(llm.arun, "?")
            anyio.run(llm.arun, "?")
            anyio.run(llm.arun, "?", backend="trio")
            threads = [threading.Thread(target=llm.run, args=("?",)) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        assert len(server.requests) == 11


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_leaving_a_blocking_stream_early_closes_its_connection(llm, provider, server):
    server.reply(STREAMS[provider]("a", "b", "c"), hold_after=4)

    def read():
        with llm.stream("?") as stream:
            for _ in stream:
                break
        llm.close()
        return stream.response

    response = await anyio.to_thread.run_sync(read)

    assert response.finish_reason == "cancelled"
    await until(lambda: server.requests[0].disconnected.is_set())
