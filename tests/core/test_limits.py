"""Requests go out as fast as the limits and the server allow, and no faster."""

import copy
import pickle
import threading
import time
from collections import Counter, deque

import anyio
import pytest

from asyncllm import LLM, InvalidParameter, Limits, RateLimited, Retry, TimedOut, Unavailable
from asyncllm._limits import _pace, gate_of
from asyncllm.provider import Allowance
from asyncllm.testing import FakeProvider, ScriptedServer, openai_answer, openai_error, openai_stream

pytestmark = pytest.mark.anyio


class Shared(FakeProvider):
    """A fake whose instances all use the same account."""

    name = ""

    def account(self):
        return self.name


def shared(name, **settings):
    """Make fakes that share an account of this name."""
    kind = type("Named", (Shared,), {"name": name})
    return lambda: kind(**settings)


def at(server, key="k", **settings):
    return LLM("openai:gpt-4.1", base_url=server.url + "/v1", api_key=key, **settings)


async def test_no_more_requests_are_under_way_than_the_limit_allows():
    fake = FakeProvider(pause=0.001)
    llm = LLM("m", provider=lambda: fake, limits=Limits(max_concurrency=3))
    await llm.abatch_run(["x"] * 30, max_concurrency=20)

    assert fake.most_running == 3


async def test_a_stream_keeps_its_place_until_it_has_ended_or_is_left():
    fake = FakeProvider(reply="a b c")
    llm = LLM("m", provider=lambda: fake, limits=Limits(max_concurrency=1))
    for is_left in (True, False):
        async with llm.astream("x") as stream:
            await anext(stream)
            with anyio.move_on_after(0.02) as waited:
                await llm.arun("y")
            assert waited.cancelled_caught
            if not is_left:
                async for _ in stream:
                    pass
                assert await llm.arun("while the block goes on") == "a b c"

    with anyio.fail_after(5):
        assert await llm.arun("z") == "a b c"


async def test_a_stream_that_fails_gives_its_place_back():
    with ScriptedServer() as server:
        server.reply(openai_stream("one two three"), reset_after=2)
        server.reply(openai_answer("ok"))
        llm = at(server, limits=Limits(max_concurrency=1), retry=Retry(attempts=1))
        with pytest.raises(Unavailable):
            async with llm.astream("x") as stream:
                async for _ in stream:
                    pass
        with anyio.fail_after(5):
            assert await llm.arun("y") == "ok"
        await llm.aclose()


async def test_who_is_cancelled_while_it_waits_lets_the_next_one_through():
    fake = FakeProvider(reply="a b")
    llm = LLM("m", provider=lambda: fake, limits=Limits(max_concurrency=1))
    done = []

    async def ask(name):
        await llm.arun(name)
        done.append(name)

    scope = anyio.CancelScope()

    async def cancelled():
        with scope:
            await ask("second")

    async with anyio.create_task_group() as group, llm.astream("first") as stream:
        await anext(stream)
        group.start_soon(cancelled)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(ask, "third")
        await anyio.wait_all_tasks_blocked()
        scope.cancel()

    assert done == ["third"]
    assert await llm.arun("fourth") == "a b"


async def test_who_came_first_goes_first():
    order = []
    fake = FakeProvider(reply=lambda request: order.append(request.messages[-1].text) or "ok")
    llm = LLM("m", provider=lambda: fake, limits=Limits(max_concurrency=1))
    async with anyio.create_task_group() as group, llm.astream("first") as stream:
        await anext(stream)
        for number in range(10):
            group.start_soon(llm.arun, str(number))
            await anyio.wait_all_tasks_blocked()
        stream.leave()

    assert order == ["first", *map(str, range(10))]


async def test_the_timeout_goes_on_while_a_call_waits_and_the_error_says_for_what():
    fake = FakeProvider()
    llm = LLM("m", provider=lambda: fake, limits=Limits(requests_per_minute=1))
    await llm.arun("x")
    with pytest.raises(TimedOut, match="waited for its turn under the limits requests_per_minute=1"):
        await llm.arun("y", timeout=0.02)

    assert len(fake.requests) == 1


async def test_a_wait_is_part_of_the_times_and_of_the_metrics():
    fake = FakeProvider()
    llm = LLM("m", provider=lambda: fake, limits=Limits(requests_per_minute=1200))
    responses = []

    async def ask():
        responses.append(await llm.agenerate("x"))

    async with anyio.create_task_group() as group:
        for _ in range(30):
            group.start_soon(ask)

    waits = [each.timing.queued for each in responses if each.timing.queued is not None]
    assert len(waits) == 10  # A second's worth of 20 a second goes at once.
    assert max(waits) >= 0.4
    assert llm.metrics().waits.count == 10


async def test_tokens_are_estimated_before_and_put_right_afterwards():
    fake = FakeProvider()
    llm = LLM("m", provider=lambda: fake, limits=Limits(tokens_per_minute=6000))
    for _ in range(5):  # Estimated, each is more than a second's worth of 100 tokens; it took two.
        with anyio.fail_after(1):
            await llm.arun("x", max_tokens=1000)

    assert len(fake.requests) == 5


async def test_limits_hold_for_all_llms_of_one_account_and_the_strictest_of_those_that_live():
    make = shared("strictest", pause=0.001)
    strict = LLM("m", provider=make, limits=Limits(max_concurrency=1))
    loose = LLM("m", provider=make, limits=Limits(max_concurrency=4))
    await strict.arun("x")
    await loose.abatch_run(["x"] * 10)
    [provider] = loose._llm_model.opened
    assert provider.most_running == 1

    del strict
    await loose.abatch_run(["x"] * 10)
    assert provider.most_running == 4
    await loose.aclose()


async def test_two_keys_or_two_servers_have_limits_of_their_own():
    with ScriptedServer() as server, ScriptedServer() as other:
        for each in (server, other):
            each.reply(openai_answer("ok"))
        llms = [at(server, "one"), at(server, "one"), at(server, "two"), at(other, "one")]
        for llm in llms:
            await llm.arun("x")
        gates = [gate_of(llm._llm_model.opened[0]) for llm in llms]
        for llm in llms:
            await llm.aclose()

    assert gates[0] is gates[1]
    assert len(set(gates)) == 3
    assert "one" not in repr([vars(gate) for gate in gates])


async def test_what_limits_an_llm_travels_along():
    limits = Limits(max_concurrency=2)
    llm = LLM("m", provider=FakeProvider, limits=limits)

    assert pickle.loads(pickle.dumps(llm)).limits == copy.copy(llm).limits == llm.limits == limits
    llm.limits = None
    assert llm.limits is None
    with pytest.raises(InvalidParameter, match="limits takes Limits"):
        llm.limits = 5
    with pytest.raises(InvalidParameter, match="limits takes Limits"):
        LLM("m", provider=FakeProvider, limits={"max_concurrency": 2})


def test_event_loops_in_several_threads_share_one_gate():
    make = shared("threads")
    running, most, lock = [0], [0], threading.Lock()

    def reply(request):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.001)
        with lock:
            running[0] -= 1
        return "ok"

    llm = LLM("m", provider=lambda: make().__class__(reply=reply), limits=Limits(max_concurrency=1))

    def work(backend):
        anyio.run(lambda: llm.abatch_run(["x"] * 20), backend=backend)

    threads = [threading.Thread(target=work, args=(each,)) for each in ("asyncio", "trio") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert not any(thread.is_alive() for thread in threads)
    assert most[0] == 1


async def test_a_pause_that_the_server_asks_for_holds_for_everybody():
    times = []

    def reply(request):
        times.append(time.monotonic())
        if len(times) == 1:
            raise RateLimited("slow down", retry_after=0.3)
        return "ok"

    fake = FakeProvider(reply=reply)
    llm = LLM("m", provider=lambda: fake)

    async def later():
        await anyio.sleep(0.05)
        await llm.arun("y")

    async with anyio.create_task_group() as group:
        group.start_soon(llm.arun, "x")
        group.start_soon(later)

    assert len(times) == 3
    assert times[1] - times[0] >= 0.3


async def test_another_model_is_not_held_up():
    def reply(request):
        if request.model == "busy" and len(fake.requests) == 1:
            raise RateLimited("slow down", retry_after=20)
        return "ok"

    fake = FakeProvider(reply=reply)
    busy = LLM("busy", provider=lambda: fake)
    async with anyio.create_task_group() as group:
        group.start_soon(busy.arun, "x")
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(5):
            assert await LLM("free", provider=lambda: fake).arun("x") == "ok"
        group.cancel_scope.cancel()


async def test_a_refused_request_uses_up_no_attempt_where_others_got_through(monkeypatch):
    monkeypatch.setattr(_pace, "LEAST", 1e4)  # Nothing waits.
    refusals = [RateLimited("slow down", retry_after=0)] * 6

    def reply(request):
        if request.messages[-1].text == "refused" and refusals:
            raise refusals.pop()
        return "ok"

    fake = FakeProvider(reply=reply)
    llm = LLM("m", provider=lambda: fake, retry=Retry(attempts=2))
    await llm.arun("other")

    assert (await llm.agenerate("refused")).attempts == 7
    with pytest.raises(RateLimited):  # Who wants no retry gets none.
        refusals.append(RateLimited("slow down", retry_after=0))
        await LLM("m", provider=lambda: fake, retry=Retry(attempts=1)).arun("refused")


@pytest.mark.parametrize("always", [1, 3])
async def test_a_request_that_is_always_refused_fails_and_holds_up_nobody(monkeypatch, always):
    monkeypatch.setattr(_pace, "LEAST", 1e4)
    sent = Counter()

    class Distant(FakeProvider):
        async def complete(self, request):
            await anyio.sleep(0.005)  # Refusals take as long as answers.
            return await super().complete(request)

    def reply(request):
        text = request.messages[-1].text
        sent[text] += 1
        if text.startswith("huge") and sent[text] <= 20:
            raise RateLimited("Request too large", retry_after=0)
        return "ok"

    fake = Distant(reply=reply)
    llm = LLM("m", provider=lambda: fake, retry=Retry(wait_initial=0))
    tasks = [f"huge {n}" if n < always else str(n) for n in range(100)]
    answers = await llm.abatch_run(tasks, max_concurrency=16, return_errors=True)

    assert [type(each) for each in answers[:always]] == [RateLimited] * always
    assert list(answers[always:]) == ["ok"] * (100 - always)
    assert max(sent.values()) <= 8


async def test_where_nothing_gets_through_attempts_are_used_up():
    fake = FakeProvider(reply=lambda request: (_ for _ in ()).throw(RateLimited("no", retry_after=0)))
    with pytest.raises(RateLimited):
        await LLM("m", provider=lambda: fake).arun("x")

    assert len(fake.requests) == 3


async def test_an_outage_is_not_multiplied_and_the_error_says_so():
    fake = FakeProvider(reply=lambda request: (_ for _ in ()).throw(Unavailable("down")))
    llm = LLM("m", provider=lambda: fake, retry=Retry(wait_initial=0))
    errors = await llm.abatch_run(["x"] * 300, return_errors=True)

    assert len(fake.requests) <= 300 * 1.2 + 10 + 1
    assert any("not tried again" in str(error) for error in errors)


async def test_what_headers_say_is_left_is_not_exceeded():
    class Told(FakeProvider):
        async def complete(self, request):
            left.append(left[-1] - 1)
            self.told(
                request.model, [Allowance(of="requests", remaining=max(left[-1], 0), limit=5, reset=40)]
            )
            return await super().complete(request)

    left = [5]
    llm = LLM("m", provider=Told)
    with anyio.move_on_after(0.3):
        await llm.abatch_run(["x"] * 50, max_concurrency=1)

    assert left[-1] == 0


async def test_openais_headers_are_read_also_those_of_errors():
    headers = {
        "x-ratelimit-limit-requests": "3",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "6m0s",
    }
    for reply in (openai_answer("ok"), openai_error(400, "invalid_prompt")):
        with ScriptedServer() as server:
            server.reply(reply, headers=headers)
            llm = at(server)
            await llm.abatch_run(["x"], return_errors=True)
            with pytest.raises(TimedOut, match="little is left of the limit"):
                await llm.arun("y", timeout=0.05)
            assert len(server.requests) == 1
            await llm.aclose()


async def test_an_llm_that_is_not_adaptive_waits_for_nothing_that_it_was_not_told():
    fake = FakeProvider(reply=lambda request: (_ for _ in ()).throw(RateLimited("no", retry_after=20)))
    llm = LLM("m", provider=lambda: fake, limits=Limits(adaptive=False), retry=Retry(attempts=1))
    for _ in range(3):
        with pytest.raises(RateLimited), anyio.fail_after(5):
            await llm.arun("x")


@pytest.mark.slow
@pytest.mark.parametrize("asks", ["whole seconds", "just as long"])
async def test_in_a_storm_of_refusals_nothing_fails_and_little_is_sent_twice(asks):
    """How much of the allowance is used, test_limits_pure tells: here other work would decide."""
    taken, refused = deque(), []

    def reply(request):
        now = time.monotonic()
        while taken and taken[0] <= now - 1:
            taken.popleft()
        if len(taken) < 20:
            taken.append(now)
            return openai_answer("ok")
        refused.append(now)
        wait = 1 if asks == "whole seconds" else taken[0] + 1 - now
        return openai_error(429, "rate_limit_exceeded", headers={"retry-after-ms": f"{wait * 1000:.0f}"})

    with ScriptedServer() as server:
        server.reply(reply)
        llm = at(server)
        answers = await llm.abatch_run(["x"] * 300, max_concurrency=100)
        await llm.aclose()

    assert list(answers) == ["ok"] * 300
    assert len(refused) < 60
