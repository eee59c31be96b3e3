"""``timeout``: the whole of a call, its retries and pauses included."""

import anyio
import pytest

from asyncllm import LLM, InvalidParameter, RateLimited, Retry, TimedOut
from asyncllm.testing import FakeProvider

FOREVER = 3600


@pytest.mark.anyio
async def test_a_call_that_takes_too_long_is_broken_off():
    fake = FakeProvider(pause=FOREVER)

    with pytest.raises(TimedOut, match=r"not over within timeout=0.01 seconds"):
        await LLM("m", provider=lambda: fake, timeout=0.01).arun("x")
    assert fake.running == 0


@pytest.mark.anyio
async def test_the_waits_between_retries_count():
    def reply(request):
        raise RateLimited("later", retry_after=FOREVER)

    fake = FakeProvider(reply=reply)
    llm = LLM("m", provider=lambda: fake, retry=Retry(attempts=5, wait_max=FOREVER))

    with pytest.raises(TimedOut):
        await llm.arun("x", timeout=0.01)
    assert len(fake.requests) == 1


@pytest.mark.anyio
async def test_a_stream_that_stalls_is_broken_off_with_what_came():
    fake = FakeProvider(reply="one two")
    async with LLM("m", provider=lambda: fake).astream("x", timeout=0.2) as stream:
        assert await anext(stream) == "one"
        fake._pause = FOREVER
        with pytest.raises(TimedOut):
            await anext(stream)

    assert (stream.text, stream.response.finish_reason) == ("one", "error")
    assert fake.running == 0


@pytest.mark.anyio
async def test_a_stream_whose_first_piece_does_not_come_is_broken_off():
    fake = FakeProvider(pause=FOREVER)

    with pytest.raises(TimedOut):
        async with LLM("m", provider=lambda: fake).astream("x", timeout=0.01):
            pass
    assert fake.running == 0


@pytest.mark.anyio
async def test_a_call_within_its_time_is_not_disturbed():
    response = await LLM("m", provider=FakeProvider, timeout=60).agenerate("x")

    assert (response.text, response.adjustments) == ("ok", ())


@pytest.mark.anyio
async def test_the_callers_own_cancellation_is_no_timeout():
    with anyio.move_on_after(0.01) as scope:
        await LLM("m", provider=lambda: FakeProvider(pause=FOREVER), timeout=60).arun("x")

    assert scope.cancelled_caught


def test_the_twins_keep_the_time_too():
    with pytest.raises(TimedOut):
        LLM("m", provider=lambda: FakeProvider(pause=FOREVER)).run("x", timeout=0.01)


def test_no_time_at_all_is_refused():
    with pytest.raises(InvalidParameter, match="timeout takes a number above 0"):
        LLM("m", provider=FakeProvider).run("x", timeout=0)


@pytest.mark.anyio
async def test_opening_counts_for_a_stream_too():
    class Slow(FakeProvider):
        async def aopen(self):
            await anyio.sleep(FOREVER)

    with pytest.raises(TimedOut):
        async with LLM("m", provider=Slow).astream("x", timeout=0.01):
            pass
