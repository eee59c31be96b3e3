"""The connections that providers share, one pool in each event loop."""

import gc
import weakref

import anyio
import anyio.lowlevel
import pytest
from anyio.lowlevel import current_token

from asyncllm import LLM, http
from asyncllm.testing import ScriptedServer, openai_answer

pytestmark = pytest.mark.anyio


async def test_who_leaves_at_once_does_not_close_what_another_has_just_taken():
    async def leave():
        await http.acquire()
        await http.release()

    async def stay():
        client = await http.acquire()
        await anyio.wait_all_tasks_blocked()
        closed.append(client.is_closed)
        await http.release()
        closed.append(client.is_closed)

    closed = []
    async with anyio.create_task_group() as group:
        group.start_soon(leave)
        group.start_soon(stay)
        group.start_soon(leave)

    assert closed == [False, True]


async def test_who_comes_while_the_last_one_leaves_gets_a_pool_that_is_open():
    async def come_and_go():
        for _ in range(20):
            client = await http.acquire()
            await anyio.lowlevel.checkpoint()
            assert not client.is_closed
            await http.release()

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(come_and_go)


async def test_all_who_take_the_pool_share_it_until_the_last_gives_it_back():
    one, other = await http.acquire(), await http.acquire()
    assert one is other

    await http.release()
    assert not one.is_closed
    await http.release()
    assert one.is_closed


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_event_loop_that_has_ended_is_forgotten(backend):
    with ScriptedServer() as server:
        server.reply(openai_answer("ok"))
        llm = LLM("openai:m", base_url=server.url + "/v1")
        loops = []

        async def ask():
            loops.append(weakref.ref(current_token().native_token))
            await llm.arun("?")

        for _ in range(3):
            anyio.run(ask, backend=backend)
        gc.collect()

    assert [loop() for loop in loops] == [None] * 3
