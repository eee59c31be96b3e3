"""A process that is killed at any instant harms no journal, and loses nothing that it was told is there."""

import random
import subprocess
import sys
from contextlib import closing

import pytest

from asyncllm.batch import JournalFile
from asyncllm.batch._journal._sqlite import reading

WRITE = """
import sys, anyio
from asyncllm import Choice, Response
from asyncllm.batch import BatchResult, Task
from asyncllm.batch._journal import opened

TASK = Task("x")

async def one(journal, run, begun):
    for index in begun:
        key = f"{run}-{index}"
        await journal.intend(index, key, "f", TASK)
        print("sent", key, flush=True)
        response = Response(choices=(Choice(text="Brie " * (index % 50)),))
        await journal.record(BatchResult(index=index, key=key, task=TASK, response=response), "f")
        print("done", key, flush=True)

async def main(path, run):
    async with opened(path, identity={}) as journal, anyio.create_task_group() as group:
        print("open", flush=True)
        begun = iter(range(10**9))
        for _ in range(20):
            group.start_soon(one, journal, run, begun)

anyio.run(main, *sys.argv[1:])
"""


def killed(path, run, instant):
    """Let a process write until *instant* lines are out, or hardly any time has gone; return what it said."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITE, path, str(run)], stdout=subprocess.PIPE, text=True
    ) as process:
        said = [process.stdout.readline() for _ in range(instant)]
        process.kill()
        said += process.stdout.readlines()  # What it had still said; the last line may be cut off.
    return [line.split() for line in said if line.endswith("\n")]


def check(path, said):
    with closing(reading(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        states = dict(db.execute("SELECT key, state FROM items"))
    assert {line[1] for line in said if line[0] == "done"} <= {key for key in states if states[key] == "done"}
    assert {line[1] for line in said if line[0] == "sent"} <= states.keys()


def kill_often(path, times):
    chance, said = random.Random(6), []
    for run in range(times):
        said += killed(path, run, chance.randrange(1, 1500) if run else 1)
        check(path, said)
    status = JournalFile(path).status()
    assert (status.running, status.runs, status.failed) == (None, times, 0)
    assert status.done >= sum(line[0] == "done" for line in said)


@pytest.mark.timeout(120)
def test_a_killed_process_loses_nothing_that_it_was_told_is_there(tmp_path):
    kill_often(tmp_path / "run.db", 8)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nor_does_one_of_fifty(tmp_path):
    kill_often(tmp_path / "run.db", 50)
