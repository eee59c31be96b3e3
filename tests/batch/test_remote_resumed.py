"""What an earlier run has submitted is collected, and never submitted again."""

import signal
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from remote_rig import SOON, VENDORS, FileLedger, Items, collected, opened, until

from asyncllm._types import Response
from asyncllm.batch._remote import remote
from asyncllm.testing import ScriptedServer

pytestmark = pytest.mark.anyio

CHILD = Path(__file__).parent / "remote_child.py"


@pytest.fixture(params=VENDORS)
def vendor(request):
    return request.param


@pytest.fixture
def server():
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def ledger(tmp_path):
    return FileLedger(tmp_path / "ledger.jsonl")


async def left_at_once(vendor, url, ledger, texts, batches):
    """Submit *texts* and leave once their batch is known."""
    make, _, model = VENDORS[vendor]
    async with (
        opened(make, url) as provider,
        aclosing(aiter(Items(texts, model))) as items,
        remote(provider, items, patience=SOON, ledger=ledger),
    ):
        await until(lambda: any(batch.looks for batch in batches.batches))


async def resumed(vendor, url, ledger, texts, **options):
    make, _, model = VENDORS[vendor]
    async with opened(make, url) as provider:
        return await collected(provider, Items(texts, model), ledger=ledger, **options)


async def test_who_leaves_with_a_ledger_leaves_the_batch_running_and_collects_it_later(
    vendor, server, ledger
):
    batches = VENDORS[vendor][1](looks=3)
    server.reply(batches)

    await left_at_once(vendor, server.url, ledger, "abc", batches)
    found = await resumed(vendor, server.url, ledger, "abcd")

    assert found == {f"key-{text}": (text.upper(), 1) for text in "abcd"}
    assert [[each.text for each in batch.requests] for batch in batches.batches] == [["a", "b", "c"], ["d"]]
    assert await ledger.remotes() == []


async def test_what_expired_meanwhile_is_asked_again_once_it_comes_again(vendor, server, ledger):
    script = VENDORS[vendor][1]
    batches = script(
        lambda each: "expired" if each.text in "ab" and each.times == 1 else script.capitals(each), looks=2
    )
    server.reply(batches)

    await left_at_once(vendor, server.url, ledger, "abc", batches)
    found = await resumed(vendor, server.url, ledger, "abc")

    assert {key: text for key, (text, _) in found.items()} == {"key-a": "A", "key-b": "B", "key-c": "C"}
    assert sorted(batches.times.values()) == [1, 2, 2]


async def test_an_outcome_that_is_written_down_does_not_come_again(vendor, server, ledger):
    make, script, model = VENDORS[vendor]
    batches = script()
    server.reply(batches)

    async with (
        opened(make, server.url) as provider,
        remote(provider, aiter(Items("abc", model)), patience=SOON, ledger=ledger) as outcomes,
    ):
        async for key, outcome, _ in outcomes:
            assert isinstance(outcome, Response)
            ledger.done(key)
            break
    found = await resumed(vendor, server.url, ledger, "abc")

    assert key not in found
    assert len(found) == 2
    assert len(batches.batches) == 1


async def test_a_batch_ends_in_the_ledger_only_after_its_last_outcome_was_taken(vendor, server, ledger):
    make, script, model = VENDORS[vendor]
    server.reply(script())

    async with (
        opened(make, server.url) as provider,
        remote(provider, aiter(Items("ab", model)), patience=SOON, ledger=ledger) as outcomes,
    ):
        taken = [await anext(outcomes), await anext(outcomes)]
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        before = await ledger.remotes()
        rest = [each async for each in outcomes]

    assert len(taken) == 2
    assert rest == []
    assert len(before) == 1
    assert await ledger.remotes() == []


async def test_a_batch_that_was_planned_and_never_submitted_is_submitted_now(vendor, server, ledger):
    batches = VENDORS[vendor][1]()
    server.reply(batches)
    await ledger.plan_remote("0123456789abcdef01234567", ["key-a", "key-b"])

    found = await resumed(vendor, server.url, ledger, "ab")

    assert found == {"key-a": ("A", 1), "key-b": ("B", 1)}
    assert len(batches.batches) == 1


async def test_another_batch_of_the_same_size_is_not_taken_for_ours(vendor, server, ledger, tmp_path):
    batches = VENDORS[vendor][1]()
    server.reply(batches)
    await resumed(vendor, server.url, FileLedger(tmp_path / "another.jsonl"), "xyz")
    await ledger.plan_remote("0123456789abcdef01234567", ["key-a", "key-b", "key-c"])

    found = await resumed(vendor, server.url, ledger, "abc")

    assert {text for text, _ in found.values()} == {"A", "B", "C"}
    assert [len(batch.requests) for batch in batches.batches] == [3, 3]


@pytest.mark.slow
@pytest.mark.parametrize("texts", ["abc", "abcde"])
async def test_a_run_killed_between_submitting_and_noting_never_submits_twice(vendor, server, ledger, texts):
    batches = VENDORS[vendor][1]()
    server.reply(batches)
    command = [sys.executable, str(CHILD), vendor, server.url, str(ledger._path)]

    died = await anyio.to_thread.run_sync(lambda: subprocess.run(command, timeout=60, check=False))
    assert died.returncode == -signal.SIGKILL
    assert [line[0] for line in ledger.said] == ["plan"]
    found = await resumed(vendor, server.url, ledger, texts)

    assert found == {f"key-{text}": (text.upper(), 1) for text in texts}
    assert max(batches.times.values()) == 1
    assert sum(batches.times.values()) == len(texts)


async def test_a_batch_that_the_vendor_no_longer_knows_is_an_error_of_its_tasks(vendor, server, ledger):
    server.reply(VENDORS[vendor][1]())
    await ledger.plan_remote("0123456789abcdef01234567", ["key-a"])
    await ledger.submitted("0123456789abcdef01234567", "batch_gone")

    found = await resumed(vendor, server.url, ledger, "a")

    assert "There is no such thing" in str(found["key-a"][0])
    assert await ledger.remotes() == []


async def test_pages_of_other_batches_are_looked_through_but_not_those_of_long_ago(server, ledger):
    make, script, _ = VENDORS["openai"]
    batches = script()
    for _ in range(250):
        batches.made([], {"endpoint": "/v1/x", "input_file_id": "f", "completion_window": "24h"})
    for batch in batches.batches[:130]:
        batch.created -= 10_000
    server.reply(batches)

    async with opened(make, server.url) as provider:
        found = await provider.batches().find("tag", requests=0, since=time.time(), known=())

    assert found == []
    assert len(server.requests) == 2


async def test_a_ledger_that_cannot_be_read_ends_the_run_with_its_own_error(vendor, server, ledger):
    class Broken(FileLedger):
        async def remotes(self):
            raise OSError("no disk")

    server.reply(VENDORS[vendor][1]())

    with pytest.raises(OSError, match="no disk"):
        await resumed(vendor, server.url, Broken(ledger._path), "a")

    assert server.requests == []
