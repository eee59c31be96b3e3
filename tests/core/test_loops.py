"""A provider belongs to one event loop."""

import gc
import threading
import weakref

import anyio
import pytest
from anyio.lowlevel import checkpoint

from asyncllm import LLM
from asyncllm._loop import PerLoop, at_loop_end
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
    entered = anyio.Event()
    values = iter("ab")

    async def opening():
        if not entered.is_set():
            entered.set()
            await anyio.sleep_forever()
        return next(values)

    value = PerLoop(opening)
    async with anyio.create_task_group() as group:
        group.start_soon(value.get)
        await entered.wait()
        group.cancel_scope.cancel()

    assert await value.get() == "a"
    assert await value.get() == "a"


@pytest.mark.anyio
async def test_what_is_still_opening_when_it_is_popped_is_not_lost():
    entered, go_on, popped = anyio.Event(), anyio.Event(), []

    async def opening():
        entered.set()
        await go_on.wait()
        return "open"

    value = PerLoop(opening)

    async def pop():
        popped.append(await value.pop())

    async with anyio.create_task_group() as group:
        group.start_soon(value.get)
        await entered.wait()
        group.start_soon(pop)
        await anyio.wait_all_tasks_blocked()
        go_on.set()

    assert popped == ["open"]
    assert await value.pop() is None


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
