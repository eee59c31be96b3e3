"""Many calls at a time: each is answered as if it were alone, and nothing is computed twice."""

import anyio
import pytest
from anyio.lowlevel import checkpoint
from gate import held

from asyncllm import RateLimited, Retry, Unavailable
from asyncllm_llamacpp import _context
from asyncllm_llamacpp._native import llama

pytestmark = pytest.mark.anyio

TASKS = [f"{word} {number}" for number in range(4) for word in ("one", "two and two", "three " * 9)]
ENDLESS = {"logit_bias": dict.fromkeys(range(128, 260), -100)}


async def generate(llm, tasks, **params):
    """Return the responses to *tasks*, which are asked at the same time."""
    responses = [None] * len(tasks)

    async def ask(at):
        responses[at] = await llm.agenerate(tasks[at], **params)

    async with anyio.create_task_group() as group:
        for at in range(len(tasks)):
            group.start_soon(ask, at)
    return responses


async def test_calls_that_come_together_are_answered_as_if_each_were_alone(
    make_tiny, is_likeliest, leaks_nothing
):
    llm, engine = make_tiny()
    responses = await generate(llm, TASKS)

    assert all(is_likeliest(task, response) for task, response in zip(TASKS, responses, strict=True))
    assert not is_likeliest(TASKS[0], responses[1])
    assert engine.steps < len(TASKS) * 12
    assert leaks_nothing(engine)


async def test_a_beginning_that_calls_share_is_read_once(make_tiny, leaks_nothing):
    llm, engine = make_tiny(context_size=512, batch_size=64)
    tasks = [f"{'a long beginning ' * 20}{number}" for number in range(16)]
    responses = await generate(llm, tasks, max_tokens=1)
    (one, *_) = {response.usage.input_tokens for response in responses}
    tokens = engine._model.context.tokens
    cached = [response.usage.cached_tokens for response in responses]

    assert tokens < one + 16 * 10
    assert sum(response.usage.input_tokens for response in responses) == tokens + sum(cached)
    assert leaks_nothing(engine)


async def test_a_chat_that_grows_goes_on_where_it_was(make_tiny):
    llm, engine = make_tiny(context_size=512)
    first = await llm.agenerate("a" * 100)
    before = engine._model.context.tokens
    second = await llm.agenerate("a" * 100 + first.text + " and then?")

    assert second.usage.cached_tokens >= 100
    assert engine._model.context.tokens - before < 60


async def test_what_is_kept_gives_way_when_room_is_needed(make_tiny, is_likeliest, leaks_nothing):
    llm, engine = make_tiny(total_context=96)
    for task in (*TASKS, *TASKS, "x" * 83):
        assert is_likeliest(task, await llm.agenerate(task))

    assert engine._model.context.memory.kept
    assert leaks_nothing(engine)


async def test_what_several_have_in_common_counts_once_among_what_is_kept(make_tiny, leaks_nothing):
    llm, engine = make_tiny(context_size=512, total_context=2048, max_tokens=4)
    tasks = ["s" * 200 + str(number) * 20 for number in range(8)]
    for task in tasks:
        await llm.arun(task)
    cached = [(await llm.agenerate(task)).usage.cached_tokens for task in tasks]
    cells = engine._model.context.memory.cells

    assert min(cached) == 219  # One token is read in any case.
    assert cells.used <= cells.count // 4
    assert leaks_nothing(engine)


async def test_calls_that_do_not_fit_beside_each_other_give_way_and_go_on(
    make_tiny, monkeypatch, is_likeliest, leaks_nothing
):
    llm, engine = make_tiny(total_context=100, max_tokens=40)
    await llm.arun("Hi.")
    gave_way = []
    give_way = engine._schedule._give_way
    monkeypatch.setattr(engine._schedule, "_give_way", lambda call: gave_way.append(call) or give_way(call))
    responses = await generate(llm, TASKS)

    assert all(is_likeliest(task, response) for task, response in zip(TASKS, responses, strict=True))
    assert gave_way
    assert leaks_nothing(engine)


async def test_who_gives_way_draws_on_as_before(make_tiny, leaks_nothing):
    given = {"temperature": 1.0, "max_tokens": 30, "seed": 5}
    roomy, _ = make_tiny(**given)
    tight, engine = make_tiny(total_context=100, **given)
    texts = await roomy.abatch_run(TASKS)
    same = [one == other for one, other in zip(texts, await tight.abatch_run(TASKS), strict=True)]

    assert same.count(False) <= 4  # The last bits of the scores differ with what else is in a step.
    assert leaks_nothing(engine)


async def test_where_llama_cpp_finds_no_room_the_youngest_give_way(
    make_tiny, monkeypatch, is_likeliest, leaks_nothing
):
    llm, engine = make_tiny()
    decode, steps = _context.llama.llama_decode, iter(range(1000))
    monkeypatch.setattr(
        _context.llama, "llama_decode", lambda *args: 1 if next(steps) % 3 == 0 else decode(*args)
    )
    responses = await generate(llm, TASKS)
    monkeypatch.undo()

    assert all(is_likeliest(task, response) for task, response in zip(TASKS, responses, strict=True))
    assert leaks_nothing(engine)


def damage(engine):
    """Let llama.cpp lose what the first call has read last, so that it does not accept what follows."""
    (strand,) = engine._schedule._running[0].strands
    handle = llama.llama_get_memory(engine._model.context.handle)
    assert llama.llama_memory_seq_rm(handle, strand.sequence, strand.read - 2, -1)


async def test_a_step_that_fails_is_an_error_for_who_took_part_and_the_others_go_on(
    make_tiny, is_likeliest, leaks_nothing
):
    llm, engine = make_tiny(context_size=2048, max_sequences=3, retry=Retry(attempts=1))
    results = {}

    async def ask(task):
        try:
            results[task] = is_likeliest(task, await llm.agenerate(task))
        except Unavailable as error:
            results[task] = str(error)

    async def fail():
        async with llm.astream("Hi.", max_tokens=1500, **ENDLESS) as stream:
            await anext(aiter(stream))
            with held(engine):
                damage(engine)
                for end in "abcdef":
                    group.start_soon(ask, "one reads this, and all the others wait for it " + end)
                await anyio.wait_all_tasks_blocked()
            async for _ in stream:
                pass

    async with anyio.create_task_group() as group:
        with pytest.raises(Unavailable, match="the tokens were not accepted"):
            await fail()

    (failed,) = [result for result in results.values() if result is not True]
    assert "the tokens were not accepted" in failed
    assert list(results.values()).count(True) == 5
    assert leaks_nothing(engine)


async def test_no_more_may_wait_than_was_said(make_tiny):
    llm, _ = make_tiny(max_sequences=1, max_waiting=2, retry=Retry(attempts=1))
    refused = []

    async def ask():
        try:
            await llm.arun("Hi.")
        except RateLimited as error:
            refused.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(12):
            group.start_soon(ask)

    assert 0 < len(refused) < 12
    assert "max_waiting" in str(refused[0])


async def test_a_short_prompt_does_not_wait_for_a_long_one(make_tiny):
    llm, _ = make_tiny(context_size=2048, max_tokens=1)
    ended = []

    async def ask(task):
        await llm.arun(task)
        ended.append(len(task))

    async with anyio.create_task_group() as group:
        for task in ("x" * 1500, "y" * 40):
            group.start_soon(ask, task)
            await checkpoint()

    assert ended == [40, 1500]


async def test_answers_go_on_while_a_long_prompt_is_read(make_tiny, leaks_nothing):
    llm, engine = make_tiny(context_size=2048)
    async with llm.astream("Hi.", max_tokens=300, **ENDLESS) as stream:
        await anext(aiter(stream))
        async with anyio.create_task_group() as group:
            group.start_soon(llm.arun, "x" * 1500)
            pieces = [piece async for piece in stream]

    assert len(pieces) > 10
    assert leaks_nothing(engine)


async def test_how_long_a_call_waited_is_told(make_tiny):
    llm, _ = make_tiny(max_sequences=1)
    responses = await generate(llm, TASKS[:3], max_tokens=30)
    waited = sorted(response.timing.queued for response in responses)

    assert 0 <= waited[0] < waited[1] < waited[2]
    assert all(response.timing.queued <= response.timing.first_token for response in responses)


async def test_figures_tell_how_busy_it_is(make_tiny):
    llm, engine = make_tiny(total_context=2000, context_size=2000)
    async with llm.astream("Hi.", max_tokens=1500, **ENDLESS) as stream:
        await anext(aiter(stream))
        busy = engine.figures()

    assert (busy.running, busy.waiting, busy.cells) == (1, 0, 2000)
    assert 0 < busy.cells_used <= 2000
    assert engine.figures().running == 0


@pytest.mark.slow
async def test_a_seed_gives_the_same_text_whatever_ran_before(make_llm, engine):
    llm = make_llm(seed=3, max_tokens=24)
    tasks = [f"Tell me of {thing}." for thing in ("the sea", "a dog", "bread")]
    texts = [await llm.arun(task) for task in tasks]
    await llm.abatch_run(["and so on " * 30, "Hi.", *tasks[1:]], seed=None)

    assert texts == [await llm.arun(task) for task in tasks]
