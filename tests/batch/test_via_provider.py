"""The provider's own batches, behind the same call as any other batch."""

import anyio
import pytest
from remote_rig import KEY, SOON, VENDORS, until

from asyncllm import (
    LLM,
    BaseLLM,
    ConfigurationError,
    InvalidTask,
    JournalError,
    JournalFile,
    Task,
    TimedOut,
    UnsupportedParameter,
)
from asyncllm.testing import FakeProvider, ScriptedServer

pytestmark = pytest.mark.anyio


NEVER = 10**9
"""Looks at a batch that does not end."""


@pytest.fixture
def server():
    with ScriptedServer() as server:
        yield server


@pytest.fixture(params=sorted(VENDORS))
def vendor(request, server):
    """Return what scripts a vendor's batches, and what makes an LLM that asks it."""
    _, script, model = VENDORS[request.param]
    path, settings = ("/v1", {"dialect": "openai"}) if request.param == "openai" else ("", {})

    def scripted(**given):
        batches = script(**given)
        server.reply(batches)
        return batches

    def llm(**given):
        name = f"{request.param}:{model}"
        return LLM(name, api_key=KEY, base_url=server.url + path, max_tokens=50, **settings, **given)

    return scripted, llm


async def run(llm, tasks, **given):
    async with llm.abatch(tasks, via="provider", patience=SOON, **given) as results:
        return [result async for result in results], results


async def test_the_providers_batches_answer_what_single_calls_would(vendor):
    scripted, make = vendor
    batches, llm = scripted(), make(temperature=0.3)
    found, results = await run(llm, ["one", Task("two", key="second"), "three"], ordered=True)

    assert [(result.key, result.text) for result in found] == [
        ("0", "ONE"),
        ("second", "TWO"),
        ("2", "THREE"),
    ]
    assert (results.progress.done, results.progress.running) == (3, 0)
    assert results.progress.metrics.calls == llm.metrics().calls == 3
    assert all(result.response.model and result.timing.total > 0 for result in found)
    assert len(batches.batches) == 1


async def test_what_cannot_be_done_in_a_batch_says_so_and_the_rest_is_answered(vendor):
    scripted, make = vendor
    batches = scripted()
    tasks = ["fine", Task("waits", timeout=3), "", Task("x", key="0")]
    found, results = await run(make(), tasks, ordered=True)

    errors = [type(result.error) for result in found]
    assert errors == [type(None), UnsupportedParameter, InvalidTask, InvalidTask]
    assert (results.progress.done, results.progress.failed) == (1, 3)
    assert [len(batch.requests) for batch in batches.batches] == [1]


async def test_a_later_run_collects_what_an_earlier_one_submitted(vendor, tmp_path):
    scripted, make = vendor
    journal = tmp_path / "run.db"
    tasks = [f"task {number}" for number in range(5)]
    batches = scripted(looks=3)
    async with make().abatch(tasks, via="provider", patience=SOON, journal=journal):
        await until(lambda: any(batch.looks for batch in batches.batches))

    found, _ = await run(make(), tasks, journal=journal, ordered=True)
    assert [result.text for result in found] == [text.upper() for text in tasks]
    again, results = await run(make(), tasks, journal=journal, ordered=True)
    assert [result.text for result in again] == [text.upper() for text in tasks]
    assert results.progress.restored == 5
    assert len(batches.batches) == 1, "nothing is submitted twice"


async def test_a_deadline_ends_what_is_not_answered_by_then(vendor):
    scripted, make = vendor
    scripted(looks=NEVER)
    found, _ = await run(make(), ["a", "b"], deadline=0.5, ordered=True)
    assert ["deadline=0.5" in str(result.error) for result in found] == [True, True]


async def test_a_provider_without_batches_is_an_error_or_asked_directly():
    llm = LLM("m", provider=FakeProvider)
    with pytest.raises(ConfigurationError, match="no batch API"):
        await run(llm, ["x"])
    assert await llm.abatch_run(["x"], via="auto") == ["ok"]


async def test_a_class_that_answers_by_itself_submits_nothing():
    class Own(BaseLLM):
        def run(self, task):
            return task

    with pytest.raises(ConfigurationError, match="answers by itself"):
        await run(Own(), ["x"])
    assert await Own().abatch_run(["x"], via="auto") == ["x"]


async def test_what_a_deadline_left_at_the_provider_is_collected_by_a_later_run(vendor, tmp_path):
    scripted, make = vendor
    journal, tasks = tmp_path / "run.db", ["a", "b", "c"]
    batches = scripted(looks=NEVER)
    found, _ = await run(make(), tasks, journal=journal, deadline=0.5)
    assert {type(result.error) for result in found} == {TimedOut}
    batches._looks = 0
    found, results = await run(make(), tasks, journal=journal, ordered=True)
    assert [result.text for result in found] == ["A", "B", "C"]
    assert (len(batches.batches), results.progress.running) == (1, 0)


async def test_tasks_may_come_again_more_slowly_than_their_answers_or_not_at_all(vendor, tmp_path):
    scripted, make = vendor
    journal, tasks = tmp_path / "run.db", ["a", "b", "c"]
    batches = scripted(looks=3)
    async with make().abatch(tasks, via="provider", patience=SOON, journal=journal):
        await until(lambda: any(batch.looks for batch in batches.batches))
    batches._looks = 0

    async def slowly():
        for task in tasks[:2]:
            await anyio.sleep(0.2)
            yield task

    found, _ = await run(make(), slowly(), journal=journal, ordered=True)
    assert [result.text for result in found] == ["A", "B"]
    found, results = await run(make(), tasks, journal=journal, ordered=True)
    assert [result.text for result in found] == ["A", "B", "C"]
    assert results.progress.restored == 3, "what came of a task that did not come was noted nevertheless"
    assert len(batches.batches) == 1


async def test_another_task_never_gets_the_answer_of_what_was_submitted(vendor, tmp_path):
    scripted, make = vendor
    journal = tmp_path / "run.db"
    batches = scripted(looks=3)
    async with make().abatch(["cat", "dog"], via="provider", patience=SOON, journal=journal):
        await until(lambda: any(batch.looks for batch in batches.batches))
    assert (await JournalFile(journal).astatus()).maybe_billed == 2
    with pytest.raises(JournalError, match="not the one"):
        await run(make(), ["new cat", "new dog"], journal=journal)
    with pytest.raises(JournalError, match="paid for twice"):
        await make().abatch_run(["cat", "dog"], journal=journal)
    assert len(batches.batches) == 1
