"""The journal's file: who may open it, what is refused untouched, and how it is looked at."""

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import anyio
import pytest
from test_journal import IDENTITY, PRINT, TASK, answered, failed, journal, left_behind

from asyncllm import InvalidParameter, JournalError
from asyncllm.batch import JournalFile

OPEN = """
import sys, anyio
from asyncllm.batch._journal import opened

async def main():
    async with opened(sys.argv[1], identity={"model": "m"}):
        print("open", flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.db"


@pytest.fixture
def elsewhere(path):
    """Another process that has the journal open."""
    with subprocess.Popen([sys.executable, "-c", OPEN, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


@pytest.mark.anyio
async def test_a_second_process_is_refused_until_the_first_is_gone_however_it_went(path, elsewhere):
    with pytest.raises(JournalError, match=rf"another batch \(process {elsewhere.pid}\)"):
        async with journal(path, {"model": "m"}):
            pass
    assert (await JournalFile(path).astatus()).running == elsewhere.pid

    elsewhere.kill()
    elsewhere.wait()
    async with journal(path, {"model": "m"}) as run:
        await run.intend(0, "0", PRINT, TASK)


@pytest.mark.anyio
async def test_a_second_batch_in_this_process_is_refused_as_well(path):
    async with journal(path) as run:
        with pytest.raises(JournalError, match=f"process {os.getpid()}"):
            async with journal(path):
                pass
        await run.intend(0, "0", PRINT, TASK)


def damaged(path):
    content = bytearray(path.read_bytes())
    content[4096:8192] = os.urandom(4096)
    path.write_bytes(content)


def cut_off(path):
    os.truncate(path, 5000)


def newer(path):
    anyio.run(left_behind, path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")


def foreign(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE mine (x)")


def text(path):
    path.write_text("prompt,answer\n" * 20)


def directory(path):
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (newer, "a newer asyncllm wrote"),
        (foreign, "is no journal of asyncllm"),
        (text, "is no journal of asyncllm"),
        (directory, "is no file"),
    ],
)
@pytest.mark.parametrize("look", [False, True])
def test_what_is_no_sound_journal_is_refused_and_left_as_it_is(path, make, told, look):
    make(path)
    before = None if path.is_dir() else path.read_bytes()

    async def open_it():
        async with journal(path):
            pass

    with pytest.raises(JournalError, match=told):
        JournalFile(path).status() if look else anyio.run(open_it)
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize("harm", [damaged, cut_off])
@pytest.mark.anyio
async def test_a_damaged_journal_is_refused_and_left_as_it_is(path, harm):
    await left_behind(path)
    harm(path)
    before = path.read_bytes()

    with pytest.raises(JournalError, match="is damaged"):
        async with journal(path):
            pass
    assert path.read_bytes() == before


def test_looking_at_what_is_not_there_makes_nothing(path):
    with pytest.raises(JournalError, match="No such file"):
        JournalFile(path).status()
    assert list(path.parent.iterdir()) == []


@pytest.mark.anyio
async def test_a_journal_in_no_directory_says_so(path):
    with pytest.raises(JournalError, match="cannot be opened"):
        async with journal(path / "run.db"):
            pass


def test_killed_as_it_was_made_it_is_begun_anew(path):
    path.touch()
    with pytest.raises(JournalError, match="has nothing in it yet"):
        JournalFile(path).status()
    anyio.run(left_behind, path)

    assert JournalFile(path).status().done == 1


async def many(path, number):
    async with journal(path) as run, anyio.create_task_group() as group:
        for index in reversed(range(number)):
            group.start_soon(run.record, answered(index, text=f"Brie, {index}\n"), PRINT)


def test_an_export_has_every_item_in_the_order_of_the_tasks(path):
    anyio.run(many, path, 450)

    assert JournalFile(path).export(path.with_name("out.jsonl")) == 450
    items = [json.loads(line) for line in path.with_name("out.jsonl").read_text().splitlines()]
    assert [item["index"] for item in items] == list(range(450))
    assert items[7]["text"] == items[7]["response"]["choices"][0]["text"] == "Brie, 7\n"


def test_an_export_tells_of_failures_and_of_what_may_have_been_billed(path):
    anyio.run(left_behind, path)

    out = io.StringIO()
    JournalFile(path).export(out)
    done, lost, unknown = map(json.loads, out.getvalue().splitlines())
    assert (done["state"], lost["state"], unknown["state"]) == ("done", "failed", "maybe_billed")
    assert lost["error"] | {"kind": "RateLimited", "message": "too fast", "retry_after": 2.5} == lost["error"]
    assert unknown["response"] is unknown["error"] is None


def test_an_export_as_a_table_is_read_by_any_spreadsheet(path):
    anyio.run(left_behind, path)
    JournalFile(path).export(path.with_name("out.csv"), format="csv")

    with path.with_name("out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == ["Brie", "", ""]
    assert [row["error"] for row in rows] == ["", "RateLimited: too fast", ""]
    assert rows[0]["output_tokens"] == "3"


def test_an_export_of_a_row_that_cannot_be_read_leaves_no_half_a_file(path):
    anyio.run(left_behind, path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE items SET response = '[1, 2]' WHERE key = '0'")

    with pytest.raises(JournalError, match="is damaged: what it has of '0'"):
        JournalFile(path).export(path.with_name("out"))
    assert not path.with_name("out").exists()


def test_who_reads_an_export_and_goes_away_is_no_fault_of_the_journal(path):
    anyio.run(left_behind, path)
    reader, writer = os.pipe()
    os.close(reader)

    with pytest.raises(BrokenPipeError), os.fdopen(writer, "w", buffering=1) as pipe:
        JournalFile(path).export(pipe)


def test_an_export_onto_the_journal_or_in_no_format_writes_nothing(path):
    anyio.run(left_behind, path)
    before = path.read_bytes()

    with pytest.raises(JournalError, match="is the journal itself"):
        JournalFile(path).export(path)
    with pytest.raises(InvalidParameter, match="'jsonl' or 'csv'; got 'xml'"):
        JournalFile(path).export(path.with_name("out"), format="xml")
    assert path.read_bytes() == before
    assert {each.name for each in path.parent.iterdir()} == {"run.db", "run.db-lock"}


@pytest.mark.anyio
async def test_a_running_batch_can_be_exported(path):
    async with journal(path) as run:
        await run.record(answered(0), PRINT)
        out = io.StringIO()
        assert await JournalFile(path).aexport(out) == 1
        await run.record(failed(1), PRINT)
        assert await JournalFile(path).aexport(io.StringIO()) == 2


@pytest.mark.anyio
async def test_the_identity_is_told_as_it_was_given(path):
    async with journal(path):
        pass

    assert (await JournalFile(path).astatus()).identity == IDENTITY
