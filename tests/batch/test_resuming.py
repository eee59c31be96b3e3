"""With a journal, a batch goes on where another run of it ended."""

import sqlite3

import anyio
import pytest

from asyncllm import (
    LLM,
    BaseLLM,
    Choice,
    JournalError,
    JournalFile,
    Limits,
    RequestRejected,
    Response,
    Resume,
    Task,
    TimedOut,
    Usage,
)
from asyncllm.testing import FakeProvider

pytestmark = pytest.mark.anyio


class Echo(FakeProvider):
    """Answers with what was said; what is "bad" is rejected, what is "stuck" never answered."""

    is_stuck = True

    async def complete(self, request):
        text = request.messages[-1].text
        self.requests.append(request)
        if text.startswith("bad"):
            raise RequestRejected("no")
        if text.startswith("stuck") and self.is_stuck:
            await anyio.sleep_forever()
        usage = Usage(input_tokens=3, output_tokens=2)
        return Response(choices=(Choice(text=text.upper(), finish_reason="stop"),), usage=usage)


def echoing(**given):
    echo = Echo()
    return LLM("m", provider=lambda: echo, **given), echo


def sent(echo):
    return [request.messages[-1].text for request in echo.requests]


async def run(llm, tasks, journal, **given):
    async with llm.abatch(tasks, journal=journal, **given) as results:
        return [result async for result in results], results


async def test_what_is_done_is_not_sent_again(tmp_path):
    journal = tmp_path / "run.db"
    llm, _ = echoing(seed=3)
    first, _ = await run(llm, ["a", "b", "c"], journal)
    llm, echo = echoing(seed=3)
    again, results = await run(llm, ["a", "b", "c", "d"], journal, ordered=True)

    assert sent(echo) == ["d"]
    assert [(result.text, result.restored) for result in again] == [
        ("A", True),
        ("B", True),
        ("C", True),
        ("D", False),
    ]
    assert {result.response.usage for result in again} == {result.response.usage for result in first}
    assert (results.progress.done, results.progress.restored) == (4, 3)
    assert results.progress.metrics.calls == 1


async def test_a_run_that_is_left_early_is_taken_up_where_it_ended(tmp_path):
    journal = tmp_path / "run.db"
    tasks = ["a", "stuck", "c", "stuck too", "e"]
    llm, _ = echoing()
    async with llm.abatch(tasks, journal=journal, max_concurrency=3) as results:
        assert {(await anext(results)).text, (await anext(results)).text, (await anext(results)).text} == {
            "A",
            "C",
            "E",
        }
    status = await JournalFile(journal).astatus()
    assert (status.done, status.maybe_billed) == (3, 2)

    llm, better = echoing()
    better.is_stuck = False
    found, _ = await run(llm, tasks, journal, ordered=True)
    assert sorted(sent(better)) == ["stuck", "stuck too"]
    assert [result.text for result in found] == ["A", "STUCK", "C", "STUCK TOO", "E"]


@pytest.mark.parametrize(
    ("resume", "asked", "errors"),
    [
        (Resume(maybe_billed="fail"), [], 1),
        (Resume(maybe_billed="skip"), [], 0),
    ],
)
async def test_what_may_have_been_billed_is_not_sent_where_that_is_asked(tmp_path, resume, asked, errors):
    journal = tmp_path / "run.db"
    llm, _ = echoing()
    async with llm.abatch(["a", "stuck", "c"], journal=journal) as results:
        await anext(results)
        await anext(results)
    llm, echo = echoing()
    found, _ = await run(llm, ["a", "stuck", "c"], journal, resume=resume, ordered=True)
    assert sent(echo) == asked
    assert [result.key for result in found if result.error is None] == ["0", "2"]
    assert sum(result.error is not None for result in found) == errors


async def test_what_failed_is_tried_again_or_kept(tmp_path):
    journal = tmp_path / "run.db"
    llm, _ = echoing()
    await run(llm, ["a", "bad"], journal)
    llm, echo = echoing()
    found, _ = await run(llm, ["a", "bad"], journal, resume=Resume(failed="keep"))
    assert sent(echo) == []
    assert [type(result.error) for result in found if result.error] == [RequestRejected]
    await run(llm, ["a", "bad"], journal)
    assert sent(echo) == ["bad"]


async def test_with_raise_the_error_is_noted_and_the_rest_can_be_taken_up(tmp_path):
    journal = tmp_path / "run.db"
    llm, _ = echoing()
    with pytest.raises(RequestRejected):
        await llm.abatch_run(["a", "bad", "c"], max_concurrency=1, journal=journal)
    status = await JournalFile(journal).astatus()
    assert (status.done, status.failed) == (1, 1)


async def test_other_parameters_are_another_batch(tmp_path):
    journal = tmp_path / "run.db"
    await run(echoing(temperature=0.1)[0], ["a"], journal)
    with pytest.raises(JournalError, match="temperature"):
        await run(echoing(temperature=0.2)[0], ["a"], journal)
    llm, echo = echoing(temperature=0.1)
    await run(llm, ["a"], journal)
    assert sent(echo) == []


async def test_another_task_under_the_same_key_is_refused(tmp_path):
    journal = tmp_path / "run.db"
    await run(echoing()[0], [Task("a", key="k")], journal)
    llm, echo = echoing()
    with pytest.raises(JournalError, match="'k'"):
        await run(llm, [Task("another", key="k")], journal)
    with pytest.raises(JournalError, match="'twice'"):
        await run(llm, [Task("x", key="twice"), Task("x", key="twice")], journal, max_concurrency=1)
    assert sent(echo) == ["x"]


async def test_a_journal_with_items_is_refused_where_nothing_is_to_be_resumed(tmp_path):
    journal = tmp_path / "run.db"
    await run(echoing()[0], ["a"], journal)
    with pytest.raises(JournalError, match="resume"):
        await run(echoing()[0], ["a"], journal, resume=False)


async def test_what_is_no_task_is_an_error_that_is_noted(tmp_path):
    journal = tmp_path / "run.db"
    llm, echo = echoing()
    found, _ = await run(llm, ["", "a"], journal, ordered=True)
    assert [result.error is None for result in found] == [False, True]
    assert found[0].attempts == 0
    assert sent(echo) == ["a"]


async def test_prompts_are_written_only_where_that_is_asked(tmp_path):
    for prompts in (False, True):
        journal = tmp_path / f"{prompts}.db"
        await run(echoing()[0], ["a secret question"], JournalFile(journal, prompts=prompts))
        with sqlite3.connect(journal) as connection:
            told = "\n".join(connection.iterdump())
        connection.close()
        assert ("a secret question" in told) is prompts
        assert "A SECRET QUESTION" in told, "answers are what must not be lost"


async def test_a_seeded_batch_asks_with_the_same_seeds_after_resuming(tmp_path):
    llm, whole = echoing(seed=9)
    await run(llm, ["a", "steady", "c"], None)
    journal = tmp_path / "run.db"
    llm, first = echoing(seed=9)
    await run(llm, ["a"], journal)
    llm, rest = echoing(seed=9)
    await run(llm, ["a", "steady", "c"], journal)
    told = {request.messages[-1].text: request.options["seed"] for request in whole.requests}
    parts = {request.messages[-1].text: request.options["seed"] for request in first.requests + rest.requests}
    assert parts == told


async def test_a_classs_own_arguments_make_another_batch(tmp_path):
    class Own(BaseLLM):
        def run(self, task, language):
            return f"{task} in {language}"

    journal = tmp_path / "run.db"
    assert await Own().abatch_run(["cheese"], "French", journal=journal) == ["cheese in French"]
    with pytest.raises(JournalError, match="German"):
        await Own().abatch_run(["cheese"], "German", journal=journal)


async def test_what_waited_for_a_limit_and_was_never_sent_is_nothing_that_failed(tmp_path):
    journal = tmp_path / "run.db"
    llm, echo = echoing(limits=Limits(max_concurrency=1))
    async with llm.abatch(["stuck", "b", "c"], journal=journal, deadline=0.3, ordered=True) as results:
        found = [result async for result in results]
    assert [type(result.error) for result in found] == [TimedOut] * 3
    assert [result.attempts for result in found] == [1, 0, 0]
    status = await JournalFile(journal).astatus()
    assert (status.done, status.failed, status.maybe_billed) == (0, 1, 0)
    assert sent(echo) == ["stuck"]
