"""Metrics: what calls took, without the model being asked once more."""

import copy
import json
import pickle
import sys
import threading
from dataclasses import fields, replace
from decimal import Decimal
from types import SimpleNamespace

import anyio
import pytest

from asyncllm import (
    LLM,
    Choice,
    ConfigurationError,
    Count,
    InvalidTask,
    Rate,
    Response,
    Timing,
    Unavailable,
    Usage,
)
from asyncllm._collector import Collector
from asyncllm._metrics import READERS, SUMS, Metrics
from asyncllm._retry import CountedRetry, Retry
from asyncllm._spread import Spread
from asyncllm.provider import Provider
from asyncllm.testing import FakeProvider

QUICK = Retry(attempts=3, wait_initial=0)


class Wired(LLM):
    def __init__(self, model="m", **given):
        super().__init__(model, **given)


def wired(fake=None, **given):
    return Wired(provider=lambda: fake or FakeProvider(reply="one two three"), retry=QUICK, **given)


def response(
    *, reason="stop", usage=(100, 11, 0, 0), timing=(3.0, 1.0), attempts=1, choices=1, model="gpt-4.1"
):
    return Response(
        choices=(Choice(text="x", finish_reason=reason),) * choices,
        usage=usage
        and Usage(
            input_tokens=usage[0],
            output_tokens=usage[1],
            cached_tokens=usage[2],
            reasoning_tokens=usage[3],
        ),
        timing=Timing(total=timing[0], first_token=timing[1]),
        attempts=attempts,
        model=model,
        provider="openai",
    )


@pytest.mark.anyio
async def test_metrics_tell_of_calls_that_were_made_and_make_none():
    fake = FakeProvider(reply="one two three")
    llm = wired(fake)
    assert llm.metrics() == Metrics()
    assert (llm._tokens_per_second(), llm.get_generation_time()) == (0, 0)

    reply = await llm.agenerate("a b")
    first = llm.metrics()
    assert llm.get_generation_time() == reply.timing.total
    assert llm._tokens_per_second() == first.tokens_per_second == 3 / reply.timing.total
    async with llm.astream("c") as stream:
        assert [piece async for piece in stream]
    metrics = llm.metrics()

    assert first.calls == 1  # A snapshot does not change.
    assert (metrics.calls, metrics.errors, metrics.cancelled, metrics.retries) == (2, 0, 0, 0)
    assert metrics.usage == Usage(input_tokens=3, output_tokens=6)
    assert metrics.generation_time == reply.timing.waited + stream.response.timing.waited
    assert metrics.first_tokens.count == 2
    assert len(fake.requests) == 2


@pytest.mark.anyio
async def test_retries_failures_and_streams_that_are_left_are_counted_apart():
    failing = [Unavailable("busy"), Unavailable("busy")]

    def reply(request):
        if failing:
            raise failing.pop()
        return "one two"

    llm = wired(FakeProvider(reply=reply))
    await llm.arun("x")
    assert (llm.metrics().calls, llm.metrics().retries, llm.metrics().errors) == (1, 2, 0)

    failing.extend(Unavailable("busy") for _ in range(3))
    with pytest.raises(Unavailable):
        await llm.arun("x")
    assert (llm.metrics().calls, llm.metrics().retries, llm.metrics().errors) == (1, 4, 1)

    async with llm.astream("x") as stream:
        await anext(stream)
        assert stream.response.text  # To look at it early counts nothing.
    assert (llm.metrics().calls, llm.metrics().cancelled) == (1, 1)


@pytest.mark.anyio
async def test_a_cancelled_call_counts_and_one_that_was_never_sent_does_not():
    llm = wired(FakeProvider(pause=60))
    with anyio.move_on_after(0.05):
        await llm.arun("x")
    with pytest.raises(InvalidTask):
        await llm.arun("")

    assert llm.metrics() == Metrics(cancelled=1)


def test_rates_are_taken_only_where_the_times_tell_them():
    metrics = Metrics.of(response())
    assert metrics.speed.per_second == pytest.approx(11 / 3)
    assert metrics.prefill.per_second == pytest.approx(100)
    assert metrics.decode.per_second == pytest.approx(10 / 2)

    thought = Metrics.of(response(usage=(100, 11, 60, 6)))
    assert thought.prefill.per_second is None  # It read, and then it thought.
    assert thought.decode.per_second == pytest.approx(4 / 2)  # Thoughts came before the first piece.
    assert Metrics.of(response(usage=(100, 11, 60, 0))).prefill.per_second == pytest.approx(40)

    again = Metrics.of(response(attempts=2))
    assert (again.prefill.per_second, again.decode.per_second) == (None, 5)
    several = Metrics.of(response(choices=2))
    assert (several.prefill.per_second, several.decode.per_second) == (None, None)
    whole = Metrics.of(response(timing=(3.0, None)))
    assert (whole.prefill.per_second, whole.decode.per_second, whole.first_tokens.count) == (None, None, 0)
    assert Metrics.of(response(timing=(3.0, 2.9999))).decode.per_second is None  # It came in one piece.


@pytest.mark.anyio
async def test_who_reads_a_stream_slowly_is_not_taken_for_a_slow_model():
    llm = wired(FakeProvider(reply="a b c d e"))
    async with llm.astream("x") as stream:
        async for _ in stream:
            await anyio.sleep(0.02)
    timing = stream.response.timing

    assert timing.held >= 0.1  # Five pieces.
    assert timing.waited == timing.total - timing.held < timing.total
    assert llm.get_generation_time() == llm.metrics().generation_time == timing.waited
    # How fast it would have been read by another, nobody knows.
    assert llm.metrics().speed.per_second is llm.metrics().decode.per_second is None
    assert stream.response.tokens_per_second is None


def test_a_reader_who_hardly_holds_a_stream_changes_no_rate():
    held = replace(response(), timing=Timing(total=3.0, first_token=1.0, held=0.1))
    slow = replace(response(), timing=Timing(total=3.0, first_token=1.0, held=0.25))

    assert Metrics.of(held).decode.per_second == held.tokens_per_second == pytest.approx(10 / 1.9)
    assert Metrics.of(held).speed.per_second == pytest.approx(11 / 2.9)
    assert Metrics.of(slow).decode.per_second is slow.tokens_per_second is None
    assert Metrics.of(slow).speed.per_second == pytest.approx(11 / 2.75)
    assert Metrics.of(slow).times.total == 2.75


@pytest.mark.anyio
async def test_a_stream_that_is_left_tells_how_long_it_was_held():
    async with wired(FakeProvider(reply="a b c")).astream("x") as stream:
        await anext(stream)
        await anyio.sleep(0.02)
        assert stream.response.timing.held >= 0.02
    assert stream.response.timing.held >= 0.02


def test_how_long_calls_waited_for_their_turn_is_shown_where_it_is_known():
    waited = Metrics.of(replace(response(), timing=Timing(total=3.0, queued=0.5)))

    assert (waited.waits.count, waited.waits.total) == (1, 0.5)
    assert "\nwaited       mean 0.5 s" in str(waited)
    assert "waited" not in str(Metrics.of(response()))


@pytest.mark.parametrize("reason", ["cancelled", "error"])
def test_what_an_answer_that_broke_off_took_is_counted_or_flagged(reason, price_list):
    known, unknown = Metrics.of(response(reason=reason)), Metrics.of(response(reason=reason, usage=None))

    assert (known.calls, known.usage.input_tokens, known.uncounted) == (0, 100, 0)
    assert (unknown.calls, unknown.uncounted) == (0, 1)
    assert str((known + unknown).cost()) == "$1.11 for 1 of 2 calls"
    assert "not counted for 1 of the calls" in str(unknown)


def test_answers_without_usage_are_counted_and_their_tokens_are_not_made_up():
    metrics = Metrics.of(response(usage=None)) + Metrics.of(response())

    assert (metrics.calls, metrics.uncounted, metrics.usage.input_tokens) == (2, 1, 100)
    assert metrics.speed.per_second == pytest.approx(11 / 3)
    assert "not counted for 1 of the calls" in str(metrics)


def test_a_stream_that_broke_is_an_error():
    broken = Metrics.of(response(reason="error", usage=None))

    assert (broken.calls, broken.errors, broken.cancelled) == (0, 1, 0)
    assert broken.first_tokens.count == 1


def test_metrics_of_two_add_up_as_if_they_were_of_one():
    parts = [
        Metrics.of(response(timing=(number, number / 2), usage=(number * 100, number, 0, 0)))
        for number in range(1, 9)
    ]
    left, right = sum(parts[:4], Metrics()), sum(parts[4:], Metrics())

    assert left + right == sum(parts, Metrics())
    assert (left + right).times.total == 36
    assert pickle.loads(pickle.dumps(left + right)) == left + right


def test_metrics_go_through_json_and_back():
    metrics = sum(
        [
            Metrics.of(replace(response(model=model), timing=Timing(total=2.0, first_token=0.5, queued=0.1)))
            for model in ("a", "b", "b")
        ],
        Metrics(retries=2, estimate=Rate(tokens=3, seconds=0.5)),
    )

    assert Metrics.from_dict(json.loads(json.dumps(metrics.as_dict()))) == metrics
    assert Metrics.from_dict(Metrics().as_dict()) == Metrics()


def test_each_figure_is_added_up_and_read_back():
    names = {each.name for each in fields(Metrics)}

    assert SUMS.keys() == READERS.keys() == Metrics().as_dict().keys() == names


def test_the_total_of_many_is_their_sum():
    parts = [Metrics.of(response(timing=(number, 1.0), model=f"m{number % 3}")) for number in range(1, 30)]
    collector = Collector()
    for part in parts * 20:
        collector.add(part)
    collector.retried()

    assert Metrics.total([]) == Metrics()
    assert collector.snapshot() == Metrics.total([*parts * 20, Metrics(retries=1)])
    assert collector.snapshot() is collector.snapshot()


def test_quantiles_are_right_within_two_per_cent_in_bounded_memory():
    times = [number / 1000 for number in range(1, 10_001)]
    spread = Spread()
    for each in times:
        spread += Spread.of(each)

    assert spread.mean == pytest.approx(5.0005)
    assert spread.p50 == pytest.approx(5, rel=0.021)
    assert spread.p95 == pytest.approx(9.5, rel=0.021)
    assert spread.quantile(1) <= spread.most == 10
    assert len(spread.classes) < 300
    assert (Spread().mean, Spread().p50, str(Spread())) == (None, None, "unknown")
    assert Spread.of(0).p50 == 0


def test_threads_lose_nothing_and_no_number_ever_falls():
    collector, seen = Collector(), []

    def work():
        for _ in range(500):
            collector.add(Metrics.of(response()))
            seen.append(collector.snapshot().calls)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    previous = 0
    while any(thread.is_alive() for thread in threads):
        now = collector.snapshot().calls
        assert now >= previous
        previous = now
    for thread in threads:
        thread.join()

    metrics = collector.snapshot()
    assert (metrics.calls, metrics.times.count, metrics.usage.output_tokens) == (2000, 2000, 22_000)
    assert max(seen) == 2000


def test_the_text_is_a_small_table(monkeypatch):
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    table = str(Metrics.of(response(usage=(1234, 11, 200, 0))))

    assert "calls        1 answered, 0 failed, 0 cancelled, 0 retries" in table
    assert "tokens in    1,234 (200 cached)" in table
    assert "first token  mean 1 s, p50 " in table
    assert "decode       5.0 tokens/s" in table
    assert "cost         unknown: " in table
    assert len(table.splitlines()) == 9
    assert "prefill      unknown" in str(Metrics())


@pytest.fixture
def price_list(monkeypatch):
    """A cent for a token, two above 2000 tokens of prompt; only OpenAI's models have prices."""

    def calc_price(usage, model, *, provider_id=None, provider_api_url=None):
        if provider_id != "openai" and provider_api_url != "https://api.openai.com/v1":
            raise LookupError
        if usage.cache_read_tokens > usage.input_tokens:
            raise ValueError
        tokens = usage.input_tokens + usage.output_tokens + usage.cache_read_tokens + usage.cache_write_tokens
        return SimpleNamespace(total_price=tokens * (2 if usage.input_tokens > 2000 else 1) / 100)

    module = SimpleNamespace(Usage=SimpleNamespace, calc_price=calc_price)
    monkeypatch.setitem(sys.modules, "genai_prices", module)


def test_costs_are_those_of_each_call_and_not_of_one_long_one(price_list):
    short = Metrics.of(response(usage=(1500, 500, 0, 0)))
    long = Metrics.of(response(usage=(2500, 500, 0, 0)))

    assert sum([short] * 4, Metrics()).cost().usd == Decimal(80)
    assert (short + long).cost().usd == Decimal(80)
    assert str((short + long).cost()) == "$80.00"
    assert "cost         $20.00" in str(short)


def test_what_has_no_price_is_not_taken_for_free(price_list):
    local = Metrics.of(response(), seller="http://localhost:8000/v1")
    known = Metrics.of(response(), seller="https://api.openai.com/v1")
    uncounted = Metrics.of(response(usage=None))
    contradictory = Metrics.of(response(usage=(10, 10, 20, 0)))

    assert str(local.cost()) == str(contradictory.cost()) == "unknown"
    assert str((known + local + uncounted).cost()) == "$1.11 for 1 of 3 calls"


def test_without_the_price_list_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "genai_prices", None)

    with pytest.raises(ConfigurationError, match=r"pip install 'asyncllm-framework\[prices\]'"):
        Metrics.of(response()).cost()


def test_the_real_price_list_knows_the_vendors_models_and_no_server_of_ones_own():
    pytest.importorskip("genai_prices")
    usage = (1000, 100, 0, 0)
    known = Metrics.of(response(usage=usage)) + Metrics.of(response(usage=(1001, 100, 500, 0)))

    assert 0 < known.cost().usd < 1
    assert known.cost().calls == 2
    assert Metrics.of(response(usage=usage, model="nonsense")).cost().calls == 0
    assert Metrics.of(response(usage=usage), seller="http://localhost:8000/v1").cost().calls == 0
    assert Metrics.of(response(usage=usage), seller="llamacpp").cost().calls == 0


@pytest.mark.anyio
async def test_prices_are_looked_up_where_the_server_is(price_list):
    class There(FakeProvider):
        base_url = "https://api.openai.com/v1"

    llm = Wired(provider=There)
    await llm.arun("x")

    assert llm.metrics().cost().calls == 1


@pytest.mark.anyio
async def test_num_tokens_counts_the_text_alone_and_says_whether_that_is_exact():
    class Counting(FakeProvider):
        exact = True

        async def count_tokens(self, request):
            words = [word for message in request.messages for word in message.text.split()]
            return Count(tokens=len(words) + 5, exact=self.exact)

    fake = Counting()
    llm = wired(fake, system_prompt="a prompt of five words")
    assert await llm.anum_tokens("one two three") == Count(tokens=3, exact=True)
    assert await llm.anum_tokens("") == Count(tokens=0, exact=True)
    assert not (await llm.anum_tokens("one two\n")).exact
    assert llm.metrics() == Metrics()

    fake.exact = False
    assert await llm.anum_tokens("one two three") == Count(tokens=3, exact=False)
    assert fake.requests == []


def test_the_specified_num_tokens_is_a_number():
    assert wired()._num_tokens("word " * 30) == pytest.approx(50, abs=3)  # By the size: nobody counts here.
    assert wired().num_tokens("word").exact is False


@pytest.mark.anyio
async def test_the_measuring_methods_ask_the_model_once_for_each_prompt():
    fake = FakeProvider(reply="one two three", pause=0.02)
    llm = wired(fake)
    latency = await llm.ageneration_latency("x", max_tokens=9)
    assert fake.requests[-1].options == {"max_tokens": 9}
    assert latency >= 0.06
    assert llm.get_generation_time() == latency

    first = await llm.atime_to_first_token("x")
    assert 0.02 <= first < latency
    assert len(fake.requests) == 2
    assert fake.running == 0  # It did not wait for the rest.

    assert 2 < await llm.athroughput(["x"] * 4, max_concurrency=2) < 2 / 0.06
    assert (len(fake.requests), fake.most_running) == (6, 2)
    assert await llm.athroughput([]) == 0
    with pytest.raises(InvalidTask):
        await llm.athroughput("a text")


def test_the_twins_measure_as_their_sources_do():
    fake = FakeProvider(reply="one two", pause=0.01)
    llm = wired(fake)

    assert llm._time_for_generation("x") == llm.get_generation_time() >= 0.02
    assert llm.generation_latency("x") >= 0.02
    assert llm.time_to_first_token("x") >= 0.01
    assert llm.throughput(["x", "x"]) > 0
    assert len(fake.requests) == 5


def test_a_subclass_that_answers_in_its_own_way_is_timed_too():
    class Own(Wired):
        async def arun(self, task, **params):
            await anyio.sleep(0.01)
            return "mine"

    llm = Own(provider=FakeProvider)
    assert llm._time_for_generation("x") == llm.get_generation_time() >= 0.01


@pytest.mark.anyio
async def test_an_answer_that_only_completes_tells_no_first_token():
    class Completing(Provider):
        def rules(self, model, params):
            return {}

        async def complete(self, request):
            return Response(choices=(Choice(text="a"),), usage=Usage(input_tokens=5, output_tokens=5))

    llm = Wired(provider=Completing)
    await llm.arun("x")

    assert (llm.metrics().calls, llm.metrics().first_tokens.count) == (1, 0)


def test_a_retry_that_counts_tries_as_the_other_does():
    counted = CountedRetry.like(QUICK, print)

    assert {name: getattr(counted, name) for name in ("attempts", "wait_initial", "wait_max")} == {
        "attempts": 3,
        "wait_initial": 0,
        "wait_max": 30.0,
    }
    assert copy.copy(counted) == counted
