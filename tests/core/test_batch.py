"""Many at once, but not too many."""

import anyio
import pytest

from asyncllm import (
    LLM,
    Choice,
    InvalidParameter,
    InvalidTask,
    Message,
    RateLimited,
    RequestRejected,
    Response,
    Retry,
)
from asyncllm.provider import Provider
from asyncllm.testing import FakeProvider

pytestmark = pytest.mark.anyio


def echoing(**settings):
    return FakeProvider(reply=lambda request: request.messages[-1].text, **settings)


class Gated(Provider):
    """Answers each text with itself once its gate is opened; "bad" is rejected."""

    def __init__(self):
        self.started, self.cancelled, self.running = [], [], 0
        self.log = []
        self._gates = {}
        self._moved = anyio.Event()

    def rules(self, model, params):
        return {}

    def open(self, text):
        self._gate(text).set()

    async def until_started(self, number):
        while len(self.started) < number:
            await self._moved.wait()

    async def complete(self, request):
        text = request.messages[-1].text
        self.started.append(text)
        self.log.append("started")
        self._moved.set()
        self._moved = anyio.Event()
        self.running += 1
        try:
            await self._gate(text).wait()
        except anyio.get_cancelled_exc_class():
            self.cancelled.append(text)
            raise
        finally:
            self.running -= 1
        return self.answer(text)

    def answer(self, text):
        if text == "bad":
            self.log.append("failed")
            raise RequestRejected(f"no {text}")
        return Response(choices=(Choice(text=text, finish_reason="stop"),))

    def _gate(self, text):
        return self._gates.setdefault(text, anyio.Event())


@pytest.mark.parametrize("tasks", [[], ["a"], ["a", "b", "a"], [str(number) for number in range(50)]])
@pytest.mark.parametrize("limit", [1, 2, 16, 10**9])
async def test_the_texts_come_in_the_order_of_the_tasks(tasks, limit):
    fake = echoing()
    texts = await LLM("m", provider=lambda: fake).abatch_run(tasks, max_concurrency=limit)

    assert texts == tasks
    assert fake.most_running <= limit
    assert fake.running == 0


async def test_the_order_of_the_tasks_holds_whatever_finishes_first():
    gated = Gated()
    texts = []

    async def ask():
        texts.extend(await LLM("m", provider=lambda: gated).abatch_run(["a", "b", "c"], max_concurrency=3))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await gated.until_started(3)
        for text in ("c", "a", "b"):
            gated.open(text)
            await anyio.wait_all_tasks_blocked()

    assert texts == ["a", "b", "c"]


@pytest.mark.parametrize(("given", "limit"), [({}, 16), ({"max_concurrency": 3}, 3)])
async def test_as_many_are_asked_at_a_time_as_were_allowed_and_no_more(given, limit):
    gated = Gated()
    llm = LLM("m", provider=lambda: gated)

    async with anyio.create_task_group() as group:
        group.start_soon(lambda: llm.abatch_run(map(str, range(40)), **given))
        await gated.until_started(limit)
        await anyio.wait_all_tasks_blocked()
        assert gated.running == len(gated.started) == limit
        gated.open("1")
        await gated.until_started(limit + 1)
        assert gated.running == limit
        group.cancel_scope.cancel()


async def test_tasks_are_taken_from_their_iterable_only_as_they_are_asked():
    gated, taken = Gated(), []

    def tasks():
        for number in range(1000):
            taken.append(number)
            yield str(number)

    async with anyio.create_task_group() as group:
        group.start_soon(lambda: LLM("m", provider=lambda: gated).abatch_run(tasks(), max_concurrency=2))
        await gated.until_started(2)
        await anyio.wait_all_tasks_blocked()
        assert taken == [0, 1]
        gated.open("0")
        await gated.until_started(3)
        await anyio.wait_all_tasks_blocked()
        assert taken == [0, 1, 2]
        group.cancel_scope.cancel()


async def test_the_first_error_cancels_the_siblings_and_comes_out_unwrapped():
    gated = Gated()
    gated.open("bad")
    llm = LLM("m", provider=lambda: gated)

    with pytest.raises(RequestRejected, match="no bad"):
        await llm.abatch_run(["a", "b", "bad", "c", "d"], max_concurrency=3)

    assert sorted(gated.started) == ["a", "b", "bad"]
    assert sorted(gated.cancelled) == ["a", "b"]
    assert gated.running == 0


async def test_an_error_from_a_task_group_within_the_provider_comes_out_unwrapped():
    class Grouping(FakeProvider):
        async def complete(self, request):
            async with anyio.create_task_group() as group:
                group.start_soon(self.fail)

        async def fail(self):
            raise RateLimited("slow down", retry_after=99)

    with pytest.raises(RateLimited, match="slow down"):
        await LLM("m", provider=Grouping).abatch_run(["a", "b"])


@pytest.mark.parametrize("order", [("bad", "a"), ("a", "bad")])
async def test_no_request_starts_after_the_first_error(order):
    gated = Gated()
    llm = LLM("m", provider=lambda: gated)

    async def ask():
        with pytest.raises(RequestRejected):
            await llm.abatch_run([*order, "c", "d"], max_concurrency=2)

    # Both gates open in one step of the loop: whoever runs second must see that the first has failed.
    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await until_both_wait(gated, *order)

    assert gated.log[-1] == "failed"


async def until_both_wait(gated, first, second):
    await gated.until_started(2)
    await anyio.wait_all_tasks_blocked()
    gated.open(first)
    gated.open(second)


async def test_no_request_starts_after_a_cancellation_from_outside():
    gated = Gated()
    llm = LLM("m", provider=lambda: gated)
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: llm.abatch_run(["a", "b", "c"], max_concurrency=2))
        await gated.until_started(2)
        gated.open("a")
        group.cancel_scope.cancel()

    assert gated.started == ["a", "b"]
    assert "b" in gated.cancelled
    assert gated.running == 0


async def test_errors_can_stand_in_the_place_of_the_texts():
    gated = Gated()
    for text in ("a", "bad", "c"):
        gated.open(text)
    answers = await LLM("m", provider=lambda: gated).abatch_run(["a", "bad", "c", ""], return_errors=True)

    assert (answers[0], answers[2]) == ("a", "c")
    assert isinstance(answers[1], RequestRejected)
    assert isinstance(answers[3], InvalidTask)


async def test_an_error_that_is_not_ours_comes_out_though_errors_are_asked_for():
    def reply(request):
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        await LLM("m", provider=lambda: FakeProvider(reply=reply)).abatch_run(["a"], return_errors=True)


async def test_an_error_of_the_tasks_iterable_comes_out_as_it_is():
    def tasks():
        yield "a"
        raise OSError("the file is gone")

    with pytest.raises(OSError, match="the file is gone"):
        await LLM("m", provider=lambda: FakeProvider()).abatch_run(tasks())


@pytest.mark.parametrize("tasks", ["abc", Message("user", "abc"), {"role": "user", "content": "abc"}])
async def test_a_single_task_is_not_taken_for_several(tasks):
    with pytest.raises(InvalidTask, match=r"for a single one write \["):
        await LLM("m", provider=FakeProvider).abatch_run(tasks)


@pytest.mark.parametrize("tasks", [None, 5, object()])
async def test_what_cannot_be_gone_through_is_no_tasks(tasks):
    with pytest.raises(InvalidTask, match="tasks is an iterable of tasks; got a"):
        await LLM("m", provider=FakeProvider).abatch_run(tasks)


@pytest.mark.parametrize("limit", [0, -1, 1.5, "8", True, None])
async def test_a_bound_that_bounds_nothing_is_refused(limit):
    with pytest.raises(InvalidParameter, match="max_concurrency takes a whole number of at least 1"):
        await LLM("m", provider=FakeProvider).abatch_run(["a"], max_concurrency=limit)


async def test_a_bad_parameter_is_refused_even_where_there_is_no_task():
    with pytest.raises(InvalidParameter, match="top_p"):
        await LLM("m", provider=FakeProvider).abatch_run([], top_p=5)


async def test_parameters_hold_for_every_task():
    fake = FakeProvider()
    await LLM("m", provider=lambda: fake, top_p=0.9).abatch_run(["a", "b"], temperature=0.5)

    assert [request.options for request in fake.requests] == [{"top_p": 0.9, "temperature": 0.5}] * 2


async def test_a_task_can_be_a_conversation():
    fake = FakeProvider()
    await LLM("m", provider=lambda: fake).abatch_run(
        [Message("user", "a"), [Message("user", "b")], {"role": "user", "content": "c"}]
    )

    assert sorted(request.messages[0].text for request in fake.requests) == ["a", "b", "c"]


async def test_one_that_is_retried_does_not_hold_up_the_others():
    tried = []

    def reply(request):
        text = request.messages[-1].text
        tried.append(text)
        if text == "a" and tried.count("a") == 1:
            raise RateLimited("slow down")
        return text

    llm = LLM("m", provider=lambda: FakeProvider(reply=reply), retry=Retry(wait_initial=0))

    assert await llm.abatch_run(["a", "b"]) == ["a", "b"]
