"""A batch takes any number of tasks, asks a bounded number at a time, and brings what becomes of each."""

import itertools
import threading

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncllm import (
    LLM,
    BaseLLM,
    BatchStopped,
    Choice,
    InvalidParameter,
    InvalidTask,
    Limits,
    Message,
    RequestRejected,
    Response,
    Retry,
    Task,
    TimedOut,
    Unavailable,
    Usage,
)
from asyncllm.provider import Provider
from asyncllm.testing import FakeProvider


class Echo(Provider):
    """Answers with what was said, where that says so after some turns of the event loop or with an error."""

    def __init__(self):
        self.seen = []
        self.running = self.most = 0

    def rules(self, model, params):
        return {"seed": "seed", "temperature": "temperature"}

    async def complete(self, request):
        text = request.messages[-1].text
        self.seen.append(text)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            for _ in range(int(text.partition("/")[2] or 1)):
                await anyio.lowlevel.checkpoint()
        finally:
            self.running -= 1
        if text.startswith("bad"):
            raise RequestRejected(f"no {text}")
        usage = Usage(input_tokens=6, output_tokens=4)
        return Response(choices=(Choice(text=text, finish_reason="stop"),), usage=usage)


def echoing(**given):
    echo = Echo()
    return LLM("m", provider=lambda: echo, **given), echo


async def collected(results):
    return [result async for result in results]


async def take(results, taken):
    async for result in results:
        taken += [result.text]


def endless():
    return (f"task {number}" for number in itertools.count())


@pytest.mark.anyio
async def test_results_say_what_became_of_each_task():
    llm, _ = echoing()
    tasks = ["one", Task("bad two", key="second"), [Message("user", "three")]]
    async with llm.abatch(tasks, ordered=True) as results:
        one, two, three = await collected(results)

    assert (one.index, one.key, one.text, one.attempts, one.error) == (0, "0", "one", 1, None)
    assert (two.index, two.key, two.attempts, two.response) == (1, "second", 1, None)
    assert isinstance(two.error, RequestRejected)
    assert two.timing.total >= 0
    with pytest.raises(RequestRejected, match="no bad two"):
        _ = two.text
    assert three.task == Task([Message("user", "three")])
    assert three.response.usage == Usage(input_tokens=6, output_tokens=4)
    assert not any(result.restored for result in (one, two, three))


@given(
    lengths=st.lists(st.integers(1, 9), max_size=40),
    limit=st.integers(1, 12),
    ordered=st.booleans(),
    is_async=st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_each_task_has_one_result_and_no_more_are_asked_at_a_time_than_allowed(
    lengths, limit, ordered, is_async
):
    texts = [f"{number}/{length}" for number, length in enumerate(lengths)]

    async def arriving():
        for text in texts:
            await anyio.lowlevel.checkpoint()
            yield text

    async def ask():
        llm, echo = echoing()
        async with llm.abatch(
            arriving() if is_async else iter(texts), max_concurrency=limit, ordered=ordered
        ) as results:
            found = await collected(results)
        return found, echo

    found, echo = anyio.run(ask)
    indices = [result.index for result in found]
    assert sorted(indices) == list(range(len(texts)))
    assert not ordered or indices == sorted(indices)
    assert all(result.text == texts[result.index] for result in found)
    assert echo.most <= limit
    assert sorted(echo.seen) == sorted(texts)


@pytest.mark.anyio
async def test_what_ends_first_comes_first_unless_order_is_asked_for():
    llm, _ = echoing()
    for ordered, wanted in ((False, ["b/1", "a/50"]), (True, ["a/50", "b/1"])):
        async with llm.abatch(["a/50", "b/1"], ordered=ordered) as results:
            assert [result.text async for result in results] == wanted


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.anyio
async def test_an_endless_batch_begins_only_what_is_taken(ordered):
    llm, echo = echoing()
    async with llm.abatch(endless(), max_concurrency=4, ordered=ordered) as results:
        await anyio.wait_all_tasks_blocked()
        before = len(echo.seen)
        assert before <= 4 * 8
        for _ in range(100):
            await anext(results)
        await anyio.wait_all_tasks_blocked()
        assert len(echo.seen) <= 100 + before
    assert echo.running == 0


@pytest.mark.anyio
async def test_one_that_takes_long_holds_up_only_so_many_in_order():
    llm, echo = echoing()
    stuck = anyio.Event()
    complete = echo.complete

    async def complete_later(request):
        if request.messages[-1].text == "first":
            await stuck.wait()
        return await complete(request)

    echo.complete = complete_later
    async with llm.abatch(itertools.chain(["first"], endless()), max_concurrency=2, ordered=True) as results:
        await anyio.wait_all_tasks_blocked()
        assert len(echo.seen) == 2 * 8 - 1
        stuck.set()
        assert (await anext(results)).text == "first"


@pytest.mark.anyio
async def test_leaving_early_cancels_what_is_under_way_and_leaves_nothing_behind():
    llm, echo = echoing()
    async with llm.abatch((f"{number}/1000000" for number in itertools.count()), max_concurrency=5) as _:
        while echo.running < 5:
            await anyio.lowlevel.checkpoint()
    assert echo.running == 0
    assert len(echo.seen) == 5


@pytest.mark.anyio
async def test_an_error_of_the_callers_own_comes_out_of_the_block_as_it_is():
    llm, echo = echoing()
    with pytest.raises(ZeroDivisionError):
        async with llm.abatch(endless()) as results:
            await anext(results)
            raise ZeroDivisionError
    assert echo.running == 0


@pytest.mark.anyio
async def test_a_batch_that_is_cancelled_from_outside_leaves_nothing_behind():
    llm, echo = echoing()
    with anyio.CancelScope() as scope:
        async with llm.abatch(f"{number}/1000000" for number in itertools.count()) as results:
            while echo.running < 16:
                await anyio.lowlevel.checkpoint()
            scope.cancel()
            await anext(results)
    assert scope.cancelled_caught
    assert echo.running == 0


@pytest.mark.anyio
async def test_with_raise_nothing_is_sent_after_the_error_has_come_out():
    llm, echo = echoing()
    tasks = itertools.chain(["fine"] * 20, ["bad"], (f"{number}/50" for number in itertools.count()))
    taken = []
    async with llm.abatch(tasks, max_concurrency=8, on_error="raise") as results:
        with pytest.raises(RequestRejected, match="no bad"):
            await take(results, taken)
        sent = len(echo.seen)
        assert echo.running == 0
        for _ in range(200):
            await anyio.lowlevel.checkpoint()
        assert len(echo.seen) == sent
    assert taken.count("fine") >= 20 - 8, "what had come before the error is not lost"


@pytest.mark.anyio
async def test_after_so_many_errors_no_more_tasks_are_begun():
    llm, echo = echoing()
    tasks = itertools.cycle(["bad", "good"])
    async with llm.abatch(tasks, max_concurrency=2, on_error="stop-after:3") as results:
        found = await collected(results)

    assert 3 <= sum(result.error is not None for result in found) <= 4
    assert len(found) == len(echo.seen)
    assert "failures=3 is reached" in results.stopped


@pytest.mark.parametrize("on_error", ["stop", "stop-after:0", "stop-after:", "stop-after:-1", 3, None])
@pytest.mark.anyio
async def test_what_an_error_does_is_one_of_three_things(on_error):
    llm, _ = echoing()
    with pytest.raises(InvalidParameter, match="'raise', 'keep' or 'stop-after:N'"):
        async with llm.abatch(["x"], on_error=on_error):
            pass


@pytest.mark.anyio
async def test_a_batch_stops_cleanly_at_its_tokens():
    llm, echo = echoing()
    async with llm.abatch(endless(), max_concurrency=3, max_total_tokens=100) as results:
        found = await collected(results)

    assert 10 <= len(found) <= 12
    assert len(found) == len(echo.seen)
    assert results.progress.metrics.usage.total_tokens == 10 * len(found)
    assert results.stopped.startswith("max_total_tokens=100 is reached (1")


@pytest.mark.anyio
async def test_a_batch_stops_cleanly_at_its_cost():
    pytest.importorskip("genai_prices")

    class Priced(FakeProvider):
        base_url = "https://api.openai.com/v1"

        async def complete(self, request):
            usage = Usage(input_tokens=1000, output_tokens=1000)
            return Response(choices=(Choice(text="x", finish_reason="stop"),), usage=usage)

    llm = LLM("gpt-4.1", provider=Priced)
    async with llm.abatch(endless(), max_concurrency=1, max_cost=0.1) as results:
        found = await collected(results)
    spent = float(results.progress.metrics.cost().usd)
    assert 0.1 <= spent <= 0.1 + 2 * spent / len(found)
    assert "max_cost=0.1 is reached" in results.stopped


@pytest.mark.anyio
async def test_what_is_not_over_at_the_deadline_says_so():
    llm, echo = echoing()
    tasks = itertools.chain(["quick"], (f"{number}/100000000" for number in itertools.count()))
    async with llm.abatch(tasks, max_concurrency=3, deadline=0.2) as results:
        found = await collected(results)

    errors = [result.error for result in found if result.error is not None]
    assert [result.text for result in found if result.error is None] == ["quick"]
    assert {type(error) for error in errors} == {TimedOut}
    assert "deadline=0.2" in str(errors[0])
    assert "deadline=0.2 is reached" in results.stopped
    assert echo.running == 0


@pytest.mark.parametrize("bound", ["deadline", "max_total_tokens", "max_cost", "max_concurrency"])
@pytest.mark.anyio
async def test_a_bound_that_bounds_nothing_is_refused(bound):
    llm, _ = echoing()
    with pytest.raises(InvalidParameter, match=bound):
        async with llm.abatch(["x"], **{bound: 0}):
            pass


@pytest.mark.anyio
async def test_a_batch_that_is_asked_to_stop_brings_what_is_under_way_and_ends():
    llm, echo = echoing()
    async with llm.abatch(endless(), max_concurrency=4) as results:
        await anext(results)
        results.stop("enough")
        found = await collected(results)
    assert results.stopped == "enough"
    assert len(found) + 1 == len(echo.seen)


@pytest.mark.anyio
async def test_one_that_waits_for_tasks_stops_as_well():
    llm, _ = echoing()
    closed = []

    async def slow():
        try:
            yield "only"
            await anyio.sleep_forever()
        finally:
            closed.append(True)

    async with llm.abatch(slow()) as results:
        assert (await anext(results)).text == "only"
        results.stop()
        assert await collected(results) == []
    assert closed == [True]


@pytest.mark.anyio
async def test_an_error_of_the_tasks_themselves_comes_out_after_what_was_under_way():
    llm, _ = echoing()

    def broken():
        yield from ("a/20", "b/20")
        raise ZeroDivisionError

    taken = []
    async with llm.abatch(broken(), max_concurrency=2) as results:
        with pytest.raises(ZeroDivisionError):
            await take(results, taken)
    assert sorted(taken) == ["a/20", "b/20"]


@pytest.mark.parametrize("tasks", ["text", Task("x"), Message("user", "x"), 3, None])
@pytest.mark.anyio
async def test_a_single_task_is_not_taken_for_several(tasks):
    llm, _ = echoing()
    with pytest.raises(InvalidTask, match="iterable of tasks"):
        async with llm.abatch(tasks):
            pass


@pytest.mark.anyio
async def test_a_tasks_own_parameters_win():
    fake = FakeProvider()
    llm = LLM("m", provider=lambda: fake, temperature=0.1)
    await llm.abatch_run(
        ["a", Task("b", temperature=0.9, stop_token="x")], max_concurrency=1, temperature=0.5
    )
    assert [request.options["temperature"] for request in fake.requests] == [0.5, 0.9]


def test_a_task_refuses_what_it_cannot_be():
    with pytest.raises(InvalidParameter):
        Task("x", temperature=-1)
    with pytest.raises(InvalidTask, match="key is a text"):
        Task("x", key=3)
    with pytest.raises(InvalidTask, match="key is a text"):
        Task("x", key="")


@pytest.mark.anyio
async def test_seeds_depend_on_the_base_and_the_key_alone():
    async def seeds(tasks, **given):
        fake = FakeProvider()
        await LLM("m", provider=lambda: fake, seed=7).abatch_run(tasks, **given)
        return {request.messages[-1].text: request.options.get("seed") for request in fake.requests}

    tasks = [Task(f"text {number}", key=f"key {number}") for number in range(20)]
    first = await seeds(tasks, max_concurrency=1)
    assert len(set(first.values())) == 20
    assert first == await seeds(tasks[::-1], max_concurrency=20)
    assert first != await seeds(tasks, seed=8)
    own = await seeds([Task("mine", key="key 1", seed=3)])
    assert own == {"mine": 3}


@pytest.mark.anyio
async def test_without_a_seed_tasks_have_none():
    fake = FakeProvider()
    await LLM("m", provider=lambda: fake).abatch_run(["a"])
    assert "seed" not in fake.requests[0].options


@pytest.mark.anyio
async def test_attempts_are_counted_for_answers_and_errors():
    class Flaky(FakeProvider):
        async def complete(self, request):
            if request.messages[-1].text == "never" or len(self.requests) < 2:
                self.requests.append(request)
                raise Unavailable("later")
            return await super().complete(request)

    flaky = Flaky()
    llm = LLM("m", provider=lambda: flaky, retry=Retry(attempts=4, wait_initial=0))
    async with llm.abatch(["later", "never"], max_concurrency=1) as results:
        assert [(result.error is None, result.attempts) async for result in results] == [
            (True, 3),
            (False, 4),
        ]
    assert results.progress.metrics.retries == 5


@pytest.mark.anyio
async def test_progress_tells_how_far_it_has_come():
    llm, _ = echoing()
    await llm.arun("another one's")
    async with llm.abatch(["a", "bad", "c"], max_concurrency=1) as results:
        assert (results.progress.total, results.progress.ended) == (3, 0)
        await collected(results)
    progress = results.progress
    assert (progress.done, progress.failed, progress.running, progress.restored) == (2, 1, 0, 0)
    assert progress.metrics.usage == Usage(input_tokens=12, output_tokens=8)
    assert (progress.metrics.calls, progress.metrics.errors) == (2, 1)
    assert llm.metrics().calls == 3
    assert progress.seconds_left == 0


@pytest.mark.anyio
async def test_a_class_with_an_answer_of_its_own_has_batches_as_well():
    class Own(BaseLLM):
        def run(self, task, mark="!"):
            return task.upper() + mark

    async with Own().abatch(["a", Task("b", key="k")], "?", ordered=True) as results:
        assert [(result.key, result.text) async for result in results] == [("0", "A?"), ("k", "B?")]
    assert results.progress.metrics.calls == 2


@pytest.mark.anyio
async def test_a_collected_batch_that_stops_early_keeps_what_had_come():
    llm, _ = echoing()
    with pytest.raises(BatchStopped, match="max_total_tokens=30") as caught:
        await llm.abatch_run(endless(), max_concurrency=1, max_total_tokens=30)
    assert caught.value.results == ["task 0", "task 1", "task 2"]


def test_synchronous_code_takes_results_one_by_one():
    llm, echo = echoing()
    with llm.batch(endless(), max_concurrency=3) as results:
        taken = [next(results).text for _ in range(20)]
        results.stop("enough")
        rest = [result.text for result in results]
    assert results.stopped == "enough"
    assert sorted(taken + rest) == sorted(echo.seen)
    assert results.progress.done == len(echo.seen)


def test_synchronous_code_leaves_early_and_hears_of_errors():
    llm, echo = echoing()
    with llm.batch(f"{number}/1000000" for number in itertools.count()) as results:
        threading.Event().wait(0.01)
    assert echo.running == 0
    with llm.batch(["a", "bad"], on_error="raise") as results, pytest.raises(RequestRejected):
        list(results)
    with pytest.raises(InvalidTask), llm.batch("single"):
        pass


@pytest.mark.anyio
async def test_several_may_take_from_one_batch():
    llm, _ = echoing()
    taken = []
    async with (
        llm.abatch(map(str, range(50)), max_concurrency=5) as results,
        anyio.create_task_group() as group,
    ):
        for _ in range(3):
            group.start_soon(take, results, taken)
    assert sorted(taken, key=int) == list(map(str, range(50)))


@pytest.mark.anyio
async def test_a_batch_that_is_stopped_sends_nothing_that_waits_for_a_limit():
    llm, echo = echoing(limits=Limits(max_concurrency=1))
    async with llm.abatch((f"{number}/20" for number in itertools.count()), max_concurrency=9) as results:
        await anext(results)
        sent = len(echo.seen)
        results.stop()
        found = await collected(results)
    assert len(echo.seen) <= sent + 1
    assert len(found) == len(echo.seen) - 1


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.anyio
async def test_the_deadline_holds_while_tasks_are_long_in_coming_or_results_are_not_taken(is_async):
    llm, _ = echoing()

    async def slow():
        yield "only"
        await anyio.sleep_forever()

    tasks = slow() if is_async else endless()
    async with llm.abatch(tasks, deadline=0.1, max_concurrency=2) as results:
        if not is_async:
            await anyio.sleep(0.2)
        found = await collected(results)
    assert found[0].text in ("only", "task 0", "task 1")
    assert "deadline=0.1 is reached" in results.stopped


@pytest.mark.anyio
async def test_a_cost_that_nobody_knows_is_not_taken_for_none():
    pytest.importorskip("genai_prices")
    llm, echo = echoing()
    async with llm.abatch(endless(), max_concurrency=2, max_cost=1) as results:
        await collected(results)
    assert "price of" in results.stopped
    assert len(echo.seen) <= 4
