"""What an engine has to do is seen in a report."""

import anyio
import pytest

from asyncllm import LLM
from asyncllm_llamacpp._figures import Figures

LONG = {"max_tokens": 300, "temperature": 0.0}
TASK = "Count from one to one hundred, in words."


def gauges(llm):
    return llm.track_resource_utilization().gauges


def at_work(llm):
    found = gauges(llm)
    return found["sequences_running"] + found["sequences_waiting"]


def test_a_report_loads_no_model(tmp_path):
    llm = LLM(f"llamacpp:{tmp_path / 'there-is-none.gguf'}")
    with llm.track_resource_utilization() as usage:
        pass

    assert usage.peak.gauges == {}


def test_an_engine_whose_model_loads_holds_nothing():
    assert set(Figures().gauges().values()) == {0}


@pytest.mark.anyio
async def test_a_report_tells_what_the_engine_does(make_llm):
    llm = make_llm(**LONG)
    async with llm.astream(TASK) as stream:
        await anext(stream)
        found = gauges(llm)
    after = gauges(llm)

    assert found["sequences_running"] == 1
    assert found["sequences_waiting"] == 0
    assert 0 < found["context_used"] <= found["context_size"]
    assert after["sequences_running"] == 0
    await llm.aclose()
    assert gauges(llm) == {}


@pytest.mark.anyio
async def test_calls_at_the_same_time_run_or_wait(make_llm):
    llm = make_llm(**LONG)

    async with llm.astream(TASK) as stream, anyio.create_task_group() as group:
        await anext(stream)
        group.start_soon(llm.arun, TASK)
        while (together := at_work(llm)) < 2:  # noqa: ASYNC110  the engine is a thread, and has no event
            await anyio.sleep(0.01)
        group.cancel_scope.cancel()

    assert together == 2
    await llm.aclose()


@pytest.mark.anyio
async def test_an_engine_that_two_event_loops_share_is_counted_once(make_llm):
    llm = make_llm()
    await llm.arun("Hi.")
    alone = gauges(llm)["context_size"]
    await anyio.to_thread.run_sync(llm.run, "Hi.")

    assert gauges(llm)["context_size"] == alone
    await anyio.to_thread.run_sync(llm.close)
    await llm.aclose()
