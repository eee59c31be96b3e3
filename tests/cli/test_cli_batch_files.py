"""The files of ``asyncllm batch``: none is lost, and who resumes has every result exactly once."""

import csv
import io
import json
import os
import sys
from pathlib import Path

import pytest

from asyncllm.testing import OpenAIBatchServer, ScriptedServer, openai_answer, openai_error

pytestmark = pytest.mark.usefixtures("echo")

FORMATS = ["r.jsonl", "r.csv", "r.parquet"]


@pytest.fixture
def tasks(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('"one"\n{"prompt": "two", "key": "b"}\n"three"\n')
    return path


def read(path):
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if path.suffix == ".csv":
        return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))
    return pytest.importorskip("pyarrow.parquet").read_table(path).to_pylist()


def texts(path):
    return sorted(row["text"] for row in read(path))


def reaching(server):
    return ("-m", "openai:gpt-4.1", "--setting", f"base_url={server.url}/v1", "--setting", "api_key=k")


@pytest.mark.parametrize("force", [[], ["--force"], ["--resume", "--journal", "run.db"]])
@pytest.mark.parametrize("named", ["t.jsonl", "./t.jsonl", "link.jsonl", "hard.jsonl"])
def test_results_do_not_overwrite_their_tasks(invoke, tasks, monkeypatch, force, named):
    monkeypatch.chdir(tasks.parent)
    (tasks.parent / "link.jsonl").symlink_to(tasks)
    (tasks.parent / "hard.jsonl").hardlink_to(tasks)
    before = tasks.read_text()
    result = invoke("batch", "t.jsonl", "-o", named, "-m", "echo:any", *force)

    assert (result.exit_code, tasks.read_text()) == (2, before)
    assert f"the tasks and --output are one file, '{os.path.normpath(named)}'" in result.stderr


def test_nor_do_they_overwrite_what_standard_input_comes_from(start, tasks):
    if not Path("/dev/stdin").exists():
        pytest.skip("there is no name for standard input")
    before = tasks.read_text()
    with tasks.open() as given:
        process = start("batch", "-", "-o", str(tasks), "-m", "echo:any", "--force", stdin=given)
        assert "the tasks and --output are one file" in process.stderr.read()

    assert (process.wait(timeout=60), tasks.read_text()) == (2, before)


def test_results_and_journal_are_two_files_also_where_neither_is_there(invoke, tasks, tmp_path):
    both = str(tmp_path / "r.jsonl")
    result = invoke("batch", str(tasks), "-o", both, "--journal", both, "-m", "echo:any")

    assert result.exit_code == 2
    assert "--output and --journal are one file" in result.stderr


def test_tasks_and_journal_are_two_files(invoke, tasks):
    result = invoke("batch", str(tasks), "--journal", str(tasks), "-m", "echo:any")

    assert result.exit_code == 2
    assert "the tasks and --journal are one file" in result.stderr


@pytest.mark.parametrize("name", FORMATS)
def test_a_journal_that_is_refused_leaves_the_results_as_they_are(invoke, tasks, tmp_path, name):
    journal, kept = tmp_path / "run.db", tmp_path / name
    asking = ("batch", str(tasks), "-o", str(kept), "-m", "echo:any", "--journal", str(journal))
    assert invoke(*asking).exit_code == 0
    before = kept.read_bytes()
    result = invoke(*asking, "--force")

    assert (result.exit_code, kept.read_bytes()) == (2, before)
    assert "JournalError" in result.stderr
    assert not kept.with_name(name + ".new").exists()


@pytest.mark.parametrize("name", FORMATS)
def test_a_start_that_fails_leaves_no_file_in_the_way_of_the_next(invoke, tasks, tmp_path, name):
    asking = ("batch", str(tasks), "-o", str(tmp_path / name), "-m", "echo:any")
    result = invoke(*asking, "--via", "provider")

    assert result.exit_code == 2
    assert "no batch API" in result.stderr
    assert not list(tmp_path.glob("r.*"))
    assert invoke(*asking).exit_code == 0
    assert texts(tmp_path / name) == ["one", "three", "two"]


@pytest.mark.parametrize("name", FORMATS)
def test_by_force_the_new_results_take_the_place_of_the_old(invoke, tasks, tmp_path, name):
    asking = ("batch", str(tasks), "-o", str(tmp_path / name), "-m", "echo:any")
    invoke(*asking)
    tasks.write_text('"new"\n')

    assert invoke(*asking, "--force").exit_code == 0
    assert texts(tmp_path / name) == ["new"]


@pytest.mark.parametrize("name", FORMATS)
def test_to_resume_tries_again_what_failed_and_has_every_result_once(invoke, tasks, tmp_path, name):
    results = tmp_path / name
    with ScriptedServer() as server:
        asking = ("batch", str(tasks), "-o", str(results), "--journal", str(tmp_path / "run.db"))
        asking += ("--max-concurrency", "1", *reaching(server))
        for reply in (openai_answer("ONE"), openai_error(400, message="no"), openai_answer("THREE")):
            server.reply(reply)
        assert invoke(*asking).exit_code == 1
        assert len(read(results)) == 3

        server.reply(openai_answer("TWO"))
        result = invoke(*asking, "--resume")
        assert (result.exit_code, len(server.requests)) == (0, 4)
        assert "3 of 3 done · 2 from the journal · " in result.stderr

    assert sorted(row["key"] for row in read(results)) == ["0", "2", "b"]
    assert texts(results) == ["ONE", "THREE", "TWO"]


PRESSING = """
import signal
import anyio
from asyncllm import Choice, Response
from asyncllm.provider import Provider as Base

BEFORE = signal.getsignal(signal.SIGINT)

class Provider(Base):
    def __init__(self, *, folder):
        self.pressed = anyio.Path(folder, "pressed")

    def rules(self, model, params):
        return {}

    async def complete(self, request):
        text = request.messages[-1].text
        if text == "task-3" and not await self.pressed.exists():
            await self.pressed.touch()
            while signal.getsignal(signal.SIGINT) == BEFORE:
                await anyio.sleep(0.001)
            signal.raise_signal(signal.SIGINT)
        return Response(choices=(Choice(text=text, finish_reason="stop"),))
"""
"""Presses Ctrl-C as the fourth task is asked for the first time."""


@pytest.mark.parametrize("name", FORMATS)
def test_to_resume_after_ctrl_c_has_every_result_once(invoke, plugins, tmp_path, monkeypatch, name):
    plugins.install("asyncllm-pressing", provider="pressing", module="asyncllm_pressing", source=PRESSING)
    monkeypatch.delitem(sys.modules, "asyncllm_pressing", raising=False)
    tasks, results = tmp_path / "t.txt", tmp_path / name
    wanted = [f"task-{number}" for number in range(200)]
    tasks.write_text("\n".join(wanted))
    asking = ("batch", str(tasks), "-o", str(results), "--journal", str(tmp_path / "run.db"))
    asking += ("-m", "pressing:m", "--setting", f"folder={tmp_path}", "--max-concurrency", "2", "--ordered")

    assert invoke(*asking).exit_code == 130
    begun = [row["text"] for row in read(results)]
    assert begun == wanted[: len(begun)]
    assert 4 <= len(begun) < 200

    assert invoke(*asking, "--resume").exit_code == 0
    assert [row["text"] for row in read(results)] == wanted


def test_the_providers_own_batches_are_looked_at_as_often_as_asked(invoke, tasks, tmp_path):
    with ScriptedServer() as server:
        batches = OpenAIBatchServer()
        server.reply(batches)
        options = ("--via", "provider", "--poll", "0.1", "--setting", "dialect=openai")
        result = invoke("batch", str(tasks), "-o", str(tmp_path / "r.jsonl"), *options, *reaching(server))

    assert (result.exit_code, texts(tmp_path / "r.jsonl")) == (0, ["ONE", "THREE", "TWO"])
    assert result.stderr.startswith("3 of 3 done · ")
    assert [len(batch.requests) for batch in batches.batches] == [3]


LITTLE_TIME = ("--deadline", "0.5", "-q")
"""Many times what echoes take, and nothing beside the half minute until limits let the next one pass."""


@pytest.mark.parametrize("limits", [("--rpm", "2"), ("--tpm", "60", "--max-tokens", "50")])
def test_limits_hold_requests_back(invoke, tasks, limits):
    result = invoke("batch", str(tasks), "-m", "echo:any", "--max-concurrency", "1", *limits, *LITTLE_TIME)

    answered = [row for row in map(json.loads, result.stdout.splitlines()) if row["text"]]
    assert (len(answered) <= 1, result.exit_code) == (True, 1)
