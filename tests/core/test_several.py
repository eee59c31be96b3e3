"""Several answers to one task, and the adjustments of many tasks."""

import itertools
import threading
from contextlib import asynccontextmanager

import anyio
import pytest

from asyncllm import LLM, IncompleteResponse, Retry, TokenLogprob, Unavailable, Usage
from asyncllm.provider import Delta, Provider
from asyncllm.rules import Choices, Native, StopTokens
from asyncllm.testing import FakeProvider


def by_seed(request):
    return f"answer {request.options.get('seed', '?')}"


class Several(Provider):
    """Answers with the deltas that it was given."""

    def __init__(self, *deltas, rules=None):
        self._deltas, self._rules = deltas, rules or {}
        self.taken = 0

    def rules(self, model, params):
        return {"num_return_sequences": Choices("n", 128), **self._rules}

    @asynccontextmanager
    async def stream(self, request):
        yield self._given()

    async def _given(self):
        for delta in self._deltas:
            self.taken += 1
            yield delta


def end(index, reason="stop", **fields):
    return Delta(index=index, finish_reason=reason, **fields)


@pytest.mark.anyio
async def test_several_answers_come_in_the_order_of_their_seeds():
    fake = FakeProvider(reply=by_seed)
    response = await LLM("m", provider=lambda: fake).agenerate("x", num_return_sequences=3, seed=7)

    assert response.texts == ("answer 7", "answer 8", "answer 9")
    assert response.usage == Usage(input_tokens=3, output_tokens=6)
    assert response.attempts == 3
    assert [each.parameter for each in response.adjustments] == ["num_return_sequences"]


@pytest.mark.anyio
async def test_several_answers_are_asked_for_at_once_but_not_too_many():
    fake = FakeProvider(pause=0.01)
    await LLM("m", provider=lambda: fake).arun("x", num_return_sequences=40)

    assert len(fake.requests) == 40
    assert 1 < fake.most_running <= 16


@pytest.mark.anyio
async def test_only_the_answer_that_failed_is_asked_for_again():
    failures = itertools.count()

    def reply(request):
        if request.options["seed"] == 8 and next(failures) == 0:
            raise Unavailable("for a moment")
        return by_seed(request)

    fake = FakeProvider(reply=reply)
    llm = LLM("m", provider=lambda: fake, retry=Retry(wait_initial=0))
    response = await llm.agenerate("x", num_return_sequences=3, seed=7)

    assert response.texts == ("answer 7", "answer 8", "answer 9")
    assert (response.attempts, len(fake.requests)) == (4, 4)


@pytest.mark.anyio
async def test_a_stream_of_several_brings_the_first_by_pieces_and_the_others_with_its_response():
    fake = FakeProvider(reply=by_seed)
    async with LLM("m", provider=lambda: fake).astream("x", num_return_sequences=3, seed=7) as stream:
        pieces = [piece async for piece in stream]

    assert pieces == ["answer", " 7"]
    assert stream.response.texts == ("answer 7", "answer 8", "answer 9")
    assert stream.response.usage == Usage(input_tokens=3, output_tokens=6)


@pytest.mark.anyio
async def test_a_stream_that_is_left_never_asks_for_the_others():
    fake = FakeProvider(reply=by_seed)
    async with LLM("m", provider=lambda: fake).astream("x", num_return_sequences=3) as stream:
        await anext(stream)

    assert len(fake.requests) == 1
    assert stream.response.finish_reason == "cancelled"


@pytest.mark.anyio
async def test_several_texts_of_one_answer_are_told_apart():
    provider = Several(
        Delta(text="a", index=0), Delta(text="b", index=1), Delta(text="A", index=0), end(1), end(0, "length")
    )
    llm = LLM("m", provider=lambda: provider, num_return_sequences=2)
    async with llm.astream("x") as stream:
        pieces = [piece async for piece in stream]

    assert pieces == ["a", "A"]
    assert stream.response.texts == ("aA", "b")
    assert [choice.finish_reason for choice in stream.response.choices] == ["length", "stop"]


@pytest.mark.anyio
async def test_a_server_that_returns_fewer_texts_than_it_was_asked_for_is_told_of():
    provider = Several(Delta(text="a", index=0), end(0))
    response = await LLM("m", provider=lambda: provider).agenerate("x", num_return_sequences=3)

    assert response.texts == ("a",)
    assert [str(each) for each in response.adjustments] == [
        "clamped num_return_sequences (3 -> 1): the provider returned fewer"
    ]


@pytest.mark.anyio
async def test_a_stop_token_ends_each_text_by_itself_and_the_call_with_the_last():
    provider = Several(
        Delta(text="one ##", index=0),
        Delta(text="two", index=1),
        Delta(text="# more", index=0),
        Delta(text="lost", index=0),
        end(0),
        Delta(text=" three###", index=1),
        Delta(text="never", index=1),
    )
    llm = LLM("m", provider=lambda: provider, num_return_sequences=2, stop_token="###")
    response = await llm.agenerate("x")

    assert response.texts == ("one ", "two three")
    assert [choice.matched_stop for choice in response.choices] == ["###", "###"]
    assert provider.taken == 6


@pytest.mark.anyio
async def test_a_stop_token_that_has_only_begun_is_text_where_the_text_ends():
    provider = Several(Delta(text="a#", index=0), end(0), Delta(text="b#", index=1), end(1))
    llm = LLM("m", provider=lambda: provider, num_return_sequences=2, stop_token="##")

    assert (await llm.agenerate("x")).texts == ("a#", "b#")


@pytest.mark.anyio
async def test_one_text_that_was_cut_makes_the_whole_answer_incomplete():
    provider = Several(Delta(text="a", index=0), end(0), Delta(text="b", index=1))

    with pytest.raises(IncompleteResponse):
        await LLM("m", provider=lambda: provider, retry=Retry(attempts=1)).arun("x", num_return_sequences=2)


@pytest.mark.anyio
async def test_the_tokens_of_a_stop_token_are_not_among_those_of_the_text():
    def token(text):
        return Delta(text=text, logprobs=(TokenLogprob(token=text, logprob=-1.0),))

    provider = Several(
        token("Hi"),
        token(" you"),
        token("#"),
        token("#"),
        rules={"logprobs": Native(), "stop_token": StopTokens()},
    )
    response = await LLM("m", provider=lambda: provider).agenerate("x", logprobs=0, stop_token="##")

    assert response.text == "Hi you"
    assert [each.token for each in response.choices[0].logprobs] == ["Hi", " you"]


@pytest.mark.anyio
async def test_a_batch_adds_up_its_adjustments():
    rules = {"temperature": Native(within=(0, 1))}
    llm = LLM("m", provider=lambda: FakeProvider(rules=rules), seed=1)
    answers = await llm.abatch_run([f"task {n}" for n in range(1200)], temperature=2)

    assert answers == ["ok"] * 1200
    assert [str(tally).replace("\N{NARROW NO-BREAK SPACE}", " ") for tally in answers.adjustments] == [
        "dropped seed: 1 200 of 1 200 (not supported)",
        "clamped temperature: 1 200 of 1 200 (accepts 0 to 1)",
    ]


@pytest.mark.anyio
async def test_a_batch_counts_the_tasks_that_were_answered():
    def reply(request):
        if "2" in request.messages[-1].text:
            raise Unavailable("no")
        return "ok"

    llm = LLM("m", provider=lambda: FakeProvider(rules={}, reply=reply), retry=Retry(attempts=1))
    answers = await llm.abatch_run(["1", "2", "3"], return_errors=True, seed=1)

    assert [(tally.parameter, tally.count, tally.of) for tally in answers.adjustments] == [("seed", 2, 2)]


def test_two_batches_at_once_do_not_add_up_into_each_other():
    llm = LLM("m", provider=lambda: FakeProvider(rules={}, pause=0.001))
    found = {}

    def batch(count):
        found[count] = llm.batch_run(["x"] * count, seed=1).adjustments[0]

    threads = [threading.Thread(target=batch, args=(count,)) for count in (5, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {count: (tally.count, tally.of) for count, tally in found.items()} == {5: (5, 5), 9: (9, 9)}


@pytest.mark.anyio
async def test_a_call_outside_a_batch_adds_up_nowhere():
    llm = LLM("m", provider=lambda: FakeProvider(rules={}))
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: llm.arun("x", seed=1))
        answers = await llm.abatch_run(["y"])

    assert answers.adjustments == ()


@pytest.mark.anyio
async def test_several_answers_to_many_tasks_keep_to_the_limit_of_the_batch():
    fake = FakeProvider(pause=0.001)
    await LLM("m", provider=lambda: fake).abatch_run(["x"] * 8, max_concurrency=2, num_return_sequences=8)

    assert len(fake.requests) == 64
    assert fake.most_running == 2


@pytest.mark.anyio
async def test_a_provider_that_asks_another_llm_neither_waits_for_itself_nor_counts_twice():
    inner = LLM("inner", provider=lambda: FakeProvider(rules={}), top_k=3)

    class Router(FakeProvider):
        async def complete(self, request):
            return await inner.agenerate(request.messages)

    answers = await LLM("m", provider=lambda: Router(rules={}), seed=1).abatch_run(
        ["x"] * 3, max_concurrency=1
    )

    assert [(tally.parameter, tally.count, tally.of) for tally in answers.adjustments] == [("seed", 3, 3)]


@pytest.mark.anyio
async def test_a_subclass_that_asks_twice_for_a_task_counts_it_once():
    class Twice(LLM):
        async def arun(self, task, **params):
            return await super().arun(task, **params) + await super().arun(task, **params)

    answers = await Twice("m", provider=lambda: FakeProvider(rules={}), seed=1).abatch_run(["x", "y"])

    assert answers == ["okok", "okok"]
    assert [(tally.count, tally.of) for tally in answers.adjustments] == [(2, 2)]


@pytest.mark.anyio
async def test_the_time_of_several_answers_is_that_of_all_and_has_no_first_token():
    response = await LLM("m", provider=lambda: FakeProvider(reply="a b", pause=0.01)).agenerate(
        "x", num_return_sequences=20
    )

    assert response.timing.first_token is None
    assert response.timing.total >= 0.04


@pytest.mark.anyio
async def test_the_time_of_a_stream_of_several_is_that_of_all():
    llm = LLM("m", provider=lambda: FakeProvider(reply="a b", pause=0.01))
    async with llm.astream("x", num_return_sequences=2) as stream:
        async for _ in stream:
            pass

    assert stream.response.timing.first_token < stream.response.timing.total
    assert stream.response.timing.total >= 0.04
