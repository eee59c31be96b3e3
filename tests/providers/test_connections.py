"""How many connections are open is seen in a report."""

import anyio
import pytest

from asyncllm import LLM, http
from asyncllm.testing import anthropic_stream, openai_answer, openai_stream

pytestmark = pytest.mark.anyio


def connections(llm):
    gauges = llm.track_resource_utilization().gauges
    return gauges.get("connections_open"), gauges.get("connections_idle")


async def test_the_connections_of_a_provider_are_counted_while_it_is_open(server):
    server.reply(openai_stream("a b c"))
    llm = LLM("openai:m", base_url=server.url + "/v1", api_key="k")

    assert connections(llm) == (None, None)
    async with llm.astream("?") as stream:
        await anext(stream)
        assert connections(llm) == (1, 0)
        async for _ in stream:
            pass
    assert connections(llm) == (1, 1)
    await llm.aclose()
    assert connections(llm) == (None, None)


async def test_a_block_sees_how_many_there_were_at_most(server):
    server.reply(openai_answer("ok"))
    llm = LLM("openai:m", base_url=server.url + "/v1", api_key="k")
    async with llm.track_resource_utilization(interval=0.01) as usage:
        await llm.abatch_run(["a", "b", "c"], max_concurrency=3)

    assert 1 <= usage.peak.gauges["connections_open"] <= 3
    assert usage.mean.gauges["connections_open"] <= usage.peak.gauges["connections_open"]
    await llm.aclose()


async def test_the_pool_that_two_providers_share_is_counted_once(server):
    server.reply(openai_stream("a b c"))
    server.reply(anthropic_stream("a b c"))
    llm = LLM("openai:m", base_url=server.url + "/v1", api_key="k")
    async with llm.astream("?") as one:
        await anext(one)
        llm.set_model_name("anthropic:m", base_url=server.url, api_key="k")
        async with llm.astream("?", max_tokens=9) as other:
            await anext(other)
            assert connections(llm) == (2, 0)
    await llm.aclose()


async def test_the_pools_of_two_event_loops_are_added_up(server):
    server.reply(openai_answer("ok"))
    llm = LLM("openai:m", base_url=server.url + "/v1", api_key="k")
    await llm.arun("?")
    await anyio.to_thread.run_sync(llm.run, "?")

    assert connections(llm) == (2, 2)
    await anyio.to_thread.run_sync(llm.close)
    await llm.aclose()


async def test_a_client_that_does_not_let_itself_be_looked_at_tells_nothing():
    assert http.gauges(object()) == {}
