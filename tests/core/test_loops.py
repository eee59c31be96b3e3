"""A provider belongs to one event loop."""

import gc
import threading
import weakref
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.lowlevel import checkpoint

from asyncllm import LLM
from asyncllm._loop import PerLoop, at_loop_end
from asyncllm.provider import Delta, Provider
from asyncllm.testing import FakeProvider

LOOPS = ["asyncio", "trio"]


class Made(list):
    """Makes providers, and keeps each."""

    def __call__(self):
        self.append(Counting())
        return self[-1]

    @property
    def used(self):
        """Those that were opened: one more is made to read the rules."""
        return [provider for provider in self if provider.opened]


class Counting(FakeProvider):
    async def aopen(self):
        await super().aopen()
        await checkpoint()


def test_each_event_loop_has_a_provider_of_its_own():
    made = Made()
    llm = LLM("m", provider=made)
    for backend in LOOPS:
        assert anyio.run(llm.arun, "x", backend=backend) == "ok"

    assert [(provider.opened, len(provider.requests)) for provider in made.used] == [(1, 1), (1, 1)]


def test_event_loops_at_the_same_time_in_several_threads_have_one_each():
    made, together = Made(), threading.Barrier(8)
    llm = LLM("m", provider=made)

    async def ask():
        await llm.arun("x")
        await anyio.to_thread.run_sync(together.wait)
        await llm.arun("x")
        await llm.aclose()

    threads = [
        threading.Thread(target=anyio.run, args=(ask,), kwargs={"backend": LOOPS[n % 2]}) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [(provider.opened, provider.closed, len(provider.requests)) for provider in made.used] == [
        (1, 1, 2)
    ] * 8


@pytest.mark.anyio
async def test_first_calls_at_the_same_time_open_one():
    made = Made()
    llm = LLM("m", provider=made)
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(llm.arun, "x")

    assert [(provider.opened, len(provider.requests)) for provider in made.used] == [(1, 20)]


@pytest.mark.anyio
async def test_a_first_call_that_is_cancelled_leaves_the_opening_to_the_next():
    entered, closed = anyio.Event(), []
    values = iter("ab")

    async def opening():
        if not entered.is_set():
            entered.set()
            await anyio.sleep_forever()
        return next(values)

    value = PerLoop(opening, closed.append)
    async with anyio.create_task_group() as group:
        group.start_soon(value.take)
        await entered.wait()
        group.cancel_scope.cancel()

    assert await value.take() == "a"
    assert await value.take() == "a"


@pytest.mark.anyio
async def test_what_is_closed_while_it_opens_is_closed_when_its_user_leaves():
    entered, go_on, closed = anyio.Event(), anyio.Event(), []

    async def opening():
        entered.set()
        await go_on.wait()
        return "open"

    async def closing(value):
        closed.append(value)

    value = PerLoop(opening, closing, keep=True)

    async def use():
        async with value.use() as used:
            assert used == "open"
            assert closed == []

    async with anyio.create_task_group() as group:
        group.start_soon(use)
        await entered.wait()
        await value.aclose()
        go_on.set()

    assert closed == ["open"]


@pytest.mark.anyio
async def test_what_one_gives_back_while_another_opens_it_stays_open_for_the_other():
    closed = []

    async def opening():
        await checkpoint()
        return "open"

    async def closing(value):
        closed.append(value)

    value = PerLoop(opening, closing)

    async def brief():
        await value.take()
        await value.give_back()

    async def long():
        assert await value.take() == "open"
        await anyio.wait_all_tasks_blocked()
        assert closed == []
        await value.give_back()

    async with anyio.create_task_group() as group:
        group.start_soon(brief)
        group.start_soon(long)

    assert closed == ["open"]


class Slow(Provider):
    """Answers when told to; after aclose() it would not."""

    def __init__(self):
        self.asked, self.go_on = anyio.Event(), anyio.Event()
        self.is_open = False

    def rules(self, model, params):
        return {}

    async def aopen(self):
        self.is_open = True

    async def aclose(self):
        self.is_open = False

    @asynccontextmanager
    async def stream(self, request):
        yield self.deltas()

    async def deltas(self):
        yield Delta(text="a")
        self.asked.set()
        await self.go_on.wait()
        yield Delta(text="b" if self.is_open else "closed", finish_reason="stop")


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["arun", "astream"])
async def test_closing_an_llm_lets_the_calls_under_way_end(method):
    slow = Slow()
    llm = LLM("m", provider=lambda: slow)
    texts = []

    async def ask():
        if method == "arun":
            texts.append(await llm.arun("x"))
        else:
            async with llm.astream("x") as stream:
                texts.append("".join([piece async for piece in stream]))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await slow.asked.wait()
        await llm.aclose()
        assert slow.is_open
        slow.go_on.set()

    assert texts == ["ab"]
    assert not slow.is_open


@pytest.mark.parametrize("backend", LOOPS)
def test_what_belonged_to_a_loop_goes_with_the_loop(backend):
    made = Made()
    llm = LLM("m", provider=made)
    anyio.run(llm.arun, "x", backend=backend)
    (provider,) = (weakref.ref(provider) for provider in made.used)
    made.clear()
    gc.collect()

    assert provider() is None
    assert anyio.run(llm.arun, "x", backend=backend) == "ok"


@pytest.mark.parametrize("backend", LOOPS)
def test_a_hook_runs_at_the_end_of_the_loop_and_may_await(backend):
    closed, kept = [], []

    async def aclose():
        await checkpoint()
        closed.append(backend)

    async def main():
        kept.append(await at_loop_end(aclose))
        assert closed == []

    anyio.run(main, backend=backend)

    assert closed == [backend]


@pytest.mark.parametrize("backend", LOOPS)
def test_a_hook_that_was_closed_does_not_run_again(backend):
    closed, kept = [], []

    async def aclose():
        closed.append(backend)

    async def main():
        kept.append(await at_loop_end(aclose))
        await kept[0].aclose()
        assert closed == [backend]

    anyio.run(main, backend=backend)

    assert closed == [backend]
