"""The journal: what is written before an item is sent, and before anybody hears of its outcome."""

import json
import os
import stat

import anyio
import pytest

from asyncllm import Choice, JournalError, RateLimited, Response, Usage
from asyncllm._keys import Keys
from asyncllm.batch import BatchResult, JournalFile, Resume, Task
from asyncllm.batch._journal import Counts, opened

pytestmark = pytest.mark.anyio

IDENTITY = {"model": "openai:gpt-5.2", "parameters": {"temperature": 0.5}, "seed": 7}
PRINT = "f" * 32
TASK = Task("Name a cheese.")


def answered(index, key=None, text="Brie"):
    usage = Usage(input_tokens=10, output_tokens=3)
    response = Response(choices=(Choice(text=text, finish_reason="stop"),), usage=usage)
    return BatchResult(index=index, key=key or str(index), task=TASK, response=response, attempts=2)


def failed(index, error=None, key=None):
    error = error or RateLimited("too fast", status=429, retry_after=2.5)
    return BatchResult(index=index, key=key or str(index), task=TASK, error=error)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.db"


def journal(path, identity=IDENTITY, **options):
    return opened(path, identity=identity, **options)


async def left_behind(path):
    """Leave an item that is done, one that failed, and one that was sent."""
    async with journal(path) as run:
        for index in range(3):
            await run.intend(index, str(index), PRINT, TASK)
        await run.record(answered(0), PRINT)
        await run.record(failed(1), PRINT)


async def test_a_first_run_knows_nothing_and_counts_what_it_does(path):
    async with journal(path) as run:
        assert await run.known("0", PRINT) is None
        await run.intend(0, "0", PRINT, TASK)
        assert run.counts == Counts(maybe_billed=1)
        await run.record(answered(0), PRINT)
        assert run.counts == Counts(done=1)


async def test_what_is_done_comes_back_as_it_was(path):
    await left_behind(path)

    async with journal(path) as run:
        known = await run.known("0", PRINT)
        assert (known.state, known.then, known.attempts) == ("done", "yield", 2)
        assert known.response == answered(0).response
        assert run.counts == Counts(done=1, failed=1, maybe_billed=1)


@pytest.mark.parametrize(
    ("policy", "then"),
    [(Resume(), "send"), (Resume(failed="retry"), "send"), (Resume(failed="keep"), "yield")],
)
async def test_what_failed_is_tried_again_unless_it_is_to_be_kept(path, policy, then):
    await left_behind(path)

    async with journal(path, policy=policy) as run:
        known = await run.known("1", PRINT)
        assert (known.state, known.then) == ("failed", then)
        assert (type(known.error), known.error.retry_after) == (RateLimited, 2.5)


@pytest.mark.parametrize(("said", "then"), [("resend", "send"), ("fail", "yield"), ("skip", "skip")])
async def test_what_may_have_been_billed_is_sent_again_made_an_error_or_passed_over(path, said, then):
    await left_behind(path)

    async with journal(path, policy=Resume(maybe_billed=said)) as run:
        known = await run.known("2", PRINT)
        assert (known.state, known.then) == ("maybe_billed", then)
        assert (known.error is not None) == (said == "fail")


async def test_what_is_sent_again_is_counted_once(path):
    await left_behind(path)

    async with journal(path) as run:
        for index in (1, 2):
            await run.known(str(index), PRINT)
            await run.intend(index, str(index), PRINT, TASK)
        assert run.counts == Counts(done=1, maybe_billed=2)
        await run.record(answered(1), PRINT)
        await run.record(failed(2), PRINT)
        assert run.counts == Counts(done=2, failed=1)
    assert (await JournalFile(path).astatus()).runs == 2


async def test_a_policy_of_another_word_is_refused():
    with pytest.raises(ValueError, match="'resend', 'fail', 'skip'; got 'ask'"):
        Resume(maybe_billed="ask")


async def test_without_a_policy_a_journal_with_items_is_refused(path):
    await left_behind(path)

    with pytest.raises(JournalError, match="has 3 items of an earlier run; resume it"):
        async with journal(path, policy=None):
            pass


async def test_another_batch_is_refused_and_the_difference_told(path):
    await left_behind(path)

    changed = {**IDENTITY, "parameters": {"temperature": 0.7}, "system": "x"}
    with pytest.raises(JournalError) as refused:
        async with journal(path, changed):
            pass
    assert 'parameters was {"temperature": 0.5}, and is {"temperature": 0.7}' in str(refused.value)
    assert 'system was nothing, and is "x"' in str(refused.value)
    assert "seed" not in str(refused.value)


async def test_a_changed_task_under_an_old_key_is_refused(path):
    await left_behind(path)

    async with journal(path) as run:
        with pytest.raises(JournalError, match="task '0' is not the one"):
            await run.known("0", "e" * 32)
        with pytest.raises(JournalError, match="task '1' is not the one"):
            await run.intend(1, "1", "e" * 32, TASK)


async def test_two_tasks_with_one_key_are_refused_and_the_others_are_not(path):
    async with journal(path) as run:
        refused = []

        async def intend(index, key):
            try:
                await run.intend(index, key, PRINT, TASK)
            except JournalError as exc:
                refused.append(str(exc))

        for _ in range(2):  # In one commit, and in two.
            async with anyio.create_task_group() as group:
                for index, key in enumerate("aab"):
                    group.start_soon(intend, index, key)
        assert run.counts == Counts(maybe_billed=2)
    assert len(refused) == 4
    assert all("is there twice" in each for each in refused)


async def test_an_item_that_is_given_out_twice_is_refused(path):
    await left_behind(path)

    async with journal(path) as run:
        await run.known("0", PRINT)
        with pytest.raises(JournalError, match="'0' is there twice"):
            await run.known("0", PRINT)
        with pytest.raises(JournalError, match="'0' is there twice"):
            await run.intend(0, "0", PRINT, TASK)


async def test_many_tasks_write_at_a_time_and_read_in_any_order(path):
    async def one(run, index):
        await run.intend(index, str(index), PRINT, TASK)
        await run.record(answered(index, text=f"Brie {index}"), PRINT)

    async with journal(path) as run, anyio.create_task_group() as group:
        for index in range(500):
            group.start_soon(one, run, index)

    async with journal(path) as run:
        for index in (*range(300, 500), 7, *range(300)):
            if index != 7 or run._earlier._left == 300:
                known = await run.known(str(index), PRINT)
                assert known.response.text == f"Brie {index}"
        assert await run.known("500", PRINT) is None
        assert run._earlier._left == 0


async def test_who_is_cancelled_while_waiting_leaves_it_to_be_written(path):
    async with journal(path) as run:
        async with anyio.create_task_group() as group:
            for index in range(50):
                group.start_soon(run.intend, index, str(index), PRINT, TASK)
            await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        assert await run.remotes() == ()
        counted = run.counts
    async with journal(path) as run:
        assert run.counts == counted
        assert all([(await run.known(str(index), PRINT)) for index in range(counted.maybe_billed)])


async def test_asyncios_own_cancelling_leaves_nobody_waiting(path, anyio_backend):
    if anyio_backend != "asyncio":
        pytest.skip("trio has no other cancelling")
    import asyncio  # noqa: TID251 - its cancelling is what is tried

    async with journal(path) as run:
        for rounds in range(20):
            tasks = [
                asyncio.create_task(run.intend(index, f"{rounds}-{index}", PRINT, TASK)) for index in range(5)
            ]
            for _ in range(rounds):
                await anyio.lowlevel.checkpoint()
            tasks[0].cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            assert outcomes[1:] == [None] * 4
        counted = run.counts
    assert counted.maybe_billed == 100 - (await never_begun(path))


async def never_begun(path):
    """Return how many were cancelled before they had said anything."""
    async with journal(path) as run:
        return sum([await run.known(f"{rounds}-0", PRINT) is None for rounds in range(20)])


async def test_a_batch_that_fails_or_is_cancelled_closes_its_journal(path):
    with pytest.raises(KeyError):
        async with journal(path) as run:
            await run.intend(0, "0", PRINT, TASK)
            raise KeyError
    with anyio.CancelScope() as scope:
        async with journal(path) as run:
            scope.cancel()
            await run.intend(1, "1", PRINT, TASK)

    assert {each.name for each in path.parent.iterdir()} == {"run.db", "run.db-lock"}
    with pytest.raises(JournalError, match="is closed"):
        await run.intend(2, "2", PRINT, TASK)


async def test_nobody_else_may_read_the_files(path):
    async with journal(path) as run:
        await run.intend(0, "0", PRINT, TASK)
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}

    assert modes == dict.fromkeys(["run.db", "run.db-lock", "run.db-shm", "run.db-wal"], 0o600)


async def test_prompts_are_written_only_where_that_is_wanted(path):
    for prompts, name in ((False, "a.db"), (True, "b.db")):
        async with journal(path.with_name(name), prompts=prompts) as run:
            await run.intend(0, "0", PRINT, TASK)
        assert (b"Name a cheese." in path.with_name(name).read_bytes()) == prompts


async def test_a_key_reaches_no_file(path):
    key = "sk-0a1b2c3d4e5f"
    error = RateLimited(f"{key} is too fast", code=f"x{key}")
    error.add_note(f"the key was {key}")
    async with journal(
        path, {**IDENTITY, "settings": {"header": key}}, keys=Keys([key]), prompts=True
    ) as run:
        await run.intend(0, "0", PRINT, Task(f"Say {key}"))
        await run.record(answered(0, text=f"it is {key}"), PRINT)
        await run.record(failed(1, error), PRINT)
        content = b"".join(each.read_bytes() for each in path.parent.iterdir())
    assert key.encode() not in content + path.read_bytes()
    assert b"*** is too fast" in path.read_bytes()


async def test_a_durable_journal_syncs_each_commit(path):
    for durable, level in ((False, 1), (True, 2)):
        async with journal(path, durable=durable) as run:
            found = []
            await run._commits.act(lambda db: found.append(db.execute("PRAGMA synchronous").fetchone()[0]))  # noqa: B023
        assert found == [level]


async def test_batches_at_the_provider_are_remembered(path):
    async with journal(path) as run:
        await run.plan_remote("a", ["0", "1"])
        await run.plan_remote("b", ["2"])
        await run.submitted("a", "batch_123")
        await run.ended_remote("b")
        with pytest.raises(JournalError, match="no batch of the provider by the tag 'c'"):
            await run.submitted("c", "batch_456")
    async with journal(path) as run:
        first, second = await run.remotes()
    assert (first.tag, first.id, first.state, first.keys) == ("a", "batch_123", "submitted", ("0", "1"))
    assert (second.tag, second.id, second.state, second.keys) == ("b", None, "ended", ("2",))


async def test_half_a_character_is_no_key_and_harms_no_other_item(path):
    async with journal(path) as run:
        with pytest.raises(JournalError, match="half a character"):
            await run.intend(0, "\ud800", PRINT, TASK)
        await run.intend(1, "1", PRINT, TASK)
        await run.record(answered(1, text="\ud83d and \x00"), PRINT)
    async with journal(path) as run:
        assert (await run.known("1", PRINT)).response.text == "\ud83d and \x00"


async def test_a_full_disk_stops_and_loses_nothing(path):
    recorded = []
    with pytest.raises(JournalError, match="the disk is full"):
        async with journal(path) as run:
            # What SQLite says when the pages run out is what it says of a disk.
            await run._commits.act(lambda db: db.execute("PRAGMA max_page_count = 40"))
            for index in range(10_000):
                await run.intend(index, str(index), PRINT, TASK)
                await run.record(answered(index, text="Brie " * 100), PRINT)
                recorded.append(str(index))

    assert recorded
    async with journal(path) as run:
        for key in recorded:
            assert (await run.known(key, PRINT)).state == "done"
        await run.intend(20_000, "more", PRINT, TASK)


async def test_a_row_that_cannot_be_read_says_so(path):
    await left_behind(path)
    async with journal(path) as run:
        await run._commits.act(lambda db: db.execute("UPDATE items SET response = '[1, 2]' WHERE key = '0'"))
        with pytest.raises(JournalError, match="is damaged: what it has of '0'"):
            await run.known("0", PRINT)


async def test_the_status_of_a_running_batch_tells_what_is_in_flight(path):
    await left_behind(path)
    async with journal(path) as run:
        await run.intend(3, "3", PRINT, TASK)
        status = await JournalFile(path).astatus()
    assert (status.running, status.in_flight, status.maybe_billed) == (os.getpid(), 1, 1)
    assert (status.done, status.failed, status.runs) == (1, 1, 2)
    assert (status.input_tokens, status.output_tokens) == (10, 3)
    assert status.created <= status.first <= status.last
    assert status.identity == IDENTITY
    after = await JournalFile(path).astatus()
    assert (after.running, after.in_flight, after.maybe_billed) == (None, 0, 2)
    assert json.loads(json.dumps(after.as_dict()))["done"] == 1
