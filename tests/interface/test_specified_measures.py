"""What is measured is what calls took; only what takes a prompt asks the model."""

import time

import pytest

from asyncllm import Metrics

TASK = "Name a colour."


@pytest.fixture
def asked(llm):
    """An LLM that answered once, and its answer."""
    return llm, llm.generate(TASK, max_tokens=3)


def test_before_the_first_call_all_is_nothing(subject):
    llm = subject.make()

    assert (llm._tokens_per_second(), llm.get_generation_time(), llm.metrics()) == (0.0, 0.0, Metrics())


def test_tokens_per_second_is_the_rate_of_the_calls_so_far(subject, asked):
    llm, response = asked
    rate = llm._tokens_per_second()

    assert rate == pytest.approx(response.usage.output_tokens / response.timing.total)
    assert len(subject.bodies) == (0 if subject.is_local else 1)


def test_generation_time_is_that_of_the_last_answer(subject, asked):
    llm, response = asked

    assert llm.get_generation_time() == response.timing.total > 0
    assert len(subject.bodies) == (0 if subject.is_local else 1)


def test_num_tokens_counts_the_text_alone(subject, llm):
    short, long = llm._num_tokens("red"), llm._num_tokens("red, green and blue, and then red again")

    assert 0 == llm._num_tokens("") < short < long
    assert type(short) is int
    assert (subject.bodies, llm.metrics().calls) == ([], 0)
    if subject.is_local:
        assert (short, llm.num_tokens("one two three").tokens) == (1, 3)
        assert llm.num_tokens("one two three").exact


@pytest.mark.anyio
async def test_anum_tokens_says_whether_it_is_exact(subject):
    async with subject.make() as llm:
        count = await llm.anum_tokens("one two three")

    assert count.exact
    assert count.tokens == (3 if subject.is_local else len("one two three"))
    assert subject.is_local or subject.counted


@pytest.mark.parametrize("method", ["_time_for_generation", "generation_latency"])
def test_what_times_a_task_asks_it_once(subject, llm, method):
    began = time.perf_counter()
    seconds = getattr(llm, method)(TASK)
    whole = time.perf_counter() - began

    assert 0 < seconds <= whole
    assert llm.get_generation_time() == seconds
    assert llm.metrics().calls == 1
    assert len(subject.bodies) == (0 if subject.is_local else 1)


@pytest.mark.anyio
async def test_ageneration_latency_asks_once(subject):
    async with subject.make() as llm:
        assert await llm.ageneration_latency(TASK) > 0
        assert llm.metrics().calls == 1


@pytest.mark.anyio
async def test_the_time_to_the_first_token_is_that_of_a_stream_that_is_left_there(subject):
    async with subject.make() as llm:
        first = await llm.atime_to_first_token(TASK)

        assert first > 0
        assert llm.metrics().calls + llm.metrics().cancelled == 1
    assert [body["stream"] for body in subject.bodies] == ([] if subject.is_local else [True])


def test_time_to_first_token_is_its_blocking_twin(subject, llm):
    began = time.perf_counter()
    first = llm.time_to_first_token(TASK)

    assert 0 < first <= time.perf_counter() - began
    assert llm.metrics().calls + llm.metrics().cancelled == 1
    assert llm.metrics().first_tokens.count == 1


def test_throughput_is_how_many_prompts_a_second_are_answered(subject, llm):
    began = time.perf_counter()
    rate = llm.throughput([TASK, TASK], max_tokens=1)
    seconds = time.perf_counter() - began

    assert rate >= 2 / seconds > 0
    assert llm.metrics().calls == 2
    assert llm.throughput([]) == 0


@pytest.mark.anyio
async def test_athroughput_asks_every_prompt(subject):
    async with subject.make(max_tokens=1) as llm:
        assert await llm.athroughput(iter([TASK, TASK, TASK]), max_concurrency=2) > 0
        assert llm.metrics().calls == 3


def test_metrics_are_a_snapshot_that_prints_as_a_table_and_adds_up(subject, asked):
    llm, response = asked
    metrics = llm.metrics()
    llm.run(TASK, max_tokens=1)

    assert (metrics.calls, metrics.usage) == (1, response.usage)
    assert (metrics + llm.metrics()).calls == 3
    table = str(metrics).splitlines()
    assert table[0].split()[:4] == ["calls", "1", "answered,", "0"]
    assert any(f"{response.usage.output_tokens:,} (" in row for row in table if row.startswith("tokens out"))


def test_a_call_that_is_refused_counts_as_none(llm):
    with pytest.raises(TypeError):
        llm.run(TASK, no_such_parameter=1)

    assert llm.metrics().calls == 0
    assert llm.get_generation_time() == 0
