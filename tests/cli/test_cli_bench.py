"""What ``asyncllm bench`` measures, and what it says of it. No test depends on how long anything took."""

import json

import anyio
import pytest

from asyncllm import LLM, RequestRejected
from asyncllm.cli._bench_calls import Round, Timed, at_once, timed
from asyncllm.cli._bench_figures import figures, jain, medians, quantile
from asyncllm.testing import ScriptedServer, openai_error, openai_stream

TOLD = {"tokens_per_second", "first_p50", "first_p95", "slowest", "fairness"}


def lap(*totals, seconds=4.0, tokens=8):
    return Round(
        seconds=seconds, calls=tuple(Timed(first=total / 2, total=total, tokens=tokens) for total in totals)
    )


@pytest.mark.usefixtures("echo")
def test_in_a_pipe_each_number_of_calls_is_a_line_with_tabs(invoke):
    result = invoke("bench", "echo:any", "--concurrency", "1,3", "--rounds", "2")

    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [row[0] for row in rows] == ["1", "3"]
    assert {len(row) for row in rows} == {8}
    assert result.exit_code == 0


@pytest.mark.usefixtures("echo")
def test_json_holds_the_times_of_every_call(invoke):
    result = invoke(
        "bench", "echo:any", "--concurrency", "1,3", "--rounds", "2", "--max-tokens", "9", "--json"
    )

    facts = json.loads(result.stdout)
    assert (facts["model"], facts["rounds"], facts["max_tokens"]) == ("echo:any", 2, 9)
    assert [each["at_once"] for each in facts["concurrency"]] == [1, 3]
    several = facts["concurrency"][1]
    assert several["median"].keys() == TOLD
    assert [len(one["calls"]) for one in several["rounds"]] == [3, 3]
    call = several["rounds"][0]["calls"][0]
    assert (call["prompt_tokens"], call["cached_tokens"]) == (4, 3)
    assert 0 < call["first"] <= call["total"] <= several["rounds"][0]["seconds"]


@pytest.mark.usefixtures("echo")
def test_what_a_remote_model_is_asked_is_said_before(invoke):
    result = invoke(
        "bench",
        "echo:any",
        "--concurrency",
        "1,3",
        "--rounds",
        "2",
        "--max-tokens",
        "9",
        "--prompt",
        "x" * 40,
    )

    assert result.stderr == (
        "note: 9 calls go to echo:any, with about 99 tokens of prompts and up to 81 of answers: "
        "where it is not your own server, that costs money\n"
    )


def test_a_model_in_this_process_costs_nothing_and_is_not_warned_of(plugins, invoke):
    source = """
from asyncllm.testing import FakeProvider

class Provider(FakeProvider):
    in_process = True

    def __init__(self):
        super().__init__()
"""
    plugins.install("asyncllm-near", provider="near", module="asyncllm_near", source=source)

    result = invoke("bench", "near:any", "--concurrency", "2", "--rounds", "1")
    assert (result.stderr, result.exit_code) == ("", 0)
    assert result.stdout.startswith("2\t")


def test_where_nobody_counts_tokens_the_rate_is_unknown(plugins, invoke):
    source = """
from asyncllm import Choice, Response
from asyncllm.provider import Provider as Base
from asyncllm.rules import Native

class Provider(Base):
    def rules(self, model, params):
        return {"max_tokens": Native()}

    async def complete(self, request):
        return Response(choices=(Choice(text="hm", finish_reason="stop"),))
"""
    plugins.install("asyncllm-mum", provider="mum", module="asyncllm_mum", source=source)

    result = invoke("bench", "mum:any", "--concurrency", "1", "--rounds", "1")
    assert result.stdout.split("\t")[:4] == ["1", "unknown", "unknown", "unknown"]


@pytest.mark.parametrize(
    ("option", "given"),
    [("--concurrency", "1,x"), ("--concurrency", "0"), ("--concurrency", ""), ("--rounds", "none")],
)
@pytest.mark.usefixtures("echo")
def test_what_is_no_number_is_refused_before_anything_is_sent(invoke, option, given):
    result = invoke("bench", "echo:any", option, given)

    assert (result.stdout, result.exit_code) == ("", 2)
    assert f"error: {option} takes a whole number of at least 1; got " in result.stderr


@pytest.mark.usefixtures("echo")
def test_a_call_that_fails_ends_it_with_the_exit_code_of_a_call(invoke):
    result = invoke("bench", "echo:echo-refused", "--concurrency", "4", "--rounds", "1")

    assert (result.stdout, result.exit_code) == ("", 3)
    assert "RequestRejected" in result.stderr


@pytest.mark.anyio
async def test_the_calls_of_a_round_are_under_way_at_the_same_time():
    with ScriptedServer() as server:
        server.reply(openai_stream("one two three"))
        async with LLM("openai:gpt-4.1", base_url=server.url + "/v1", api_key="k") as llm:
            result = await at_once(lambda task: timed(llm, task), ["a", "b", "c"])

    assert len(result.calls) == len(server.requests) == 3
    assert all(call.tokens is not None and call.first <= call.total for call in result.calls)


@pytest.mark.anyio
async def test_all_begin_before_any_is_answered():
    begun, everybody = [], anyio.Event()

    async def ask(task):
        begun.append(task)
        if len(begun) == 8:
            everybody.set()
        await everybody.wait()
        return Timed(first=0.1, total=0.2, tokens=1)

    with anyio.fail_after(30):
        assert len((await at_once(ask, range(8))).calls) == 8


@pytest.mark.anyio
async def test_the_first_failure_is_raised_by_itself():
    with ScriptedServer() as server:
        server.reply(openai_error(400, "nonsense"))
        async with LLM("openai:gpt-4.1", base_url=server.url + "/v1", api_key="k") as llm:
            with pytest.raises(RequestRejected):
                await at_once(lambda task: timed(llm, task), ["a", "b"])


def test_the_rate_is_that_of_all_calls_together():
    assert figures(lap(1, 2, 4)).tokens_per_second == 6


def test_fairness_is_one_where_all_came_alike_and_less_where_one_waited():
    assert (figures(lap(2, 2, 2)).fairness, figures(lap(2, 2, 2)).slowest) == (1, 1)
    assert figures(lap(1, 4)).slowest == 4
    assert figures(lap(1, 4)).fairness < 1
    assert jain([1, 0, 0, 0]) == 0.25


def test_an_answer_that_nobody_counted_leaves_the_rate_open_and_nothing_else():
    told = figures(lap(1, 4, tokens=None))

    assert told.tokens_per_second is None
    assert (told.first_p50, told.slowest) == (1.25, 4)
    assert medians([lap(1, tokens=None)]).tokens_per_second is None


def test_a_quantile_lies_between_its_neighbours():
    assert quantile([3, 1, 2], 0.5) == 2
    assert quantile([0, 10], 0.95) == 9.5
    assert quantile([7], 0.95) == 7


def test_the_median_is_taken_figure_by_figure():
    told = medians([lap(1, seconds=1), lap(2, seconds=2), lap(8, seconds=8)])

    assert (told.tokens_per_second, told.first_p50) == (4, 1)
