"""What ``asyncllm batch`` asks, writes and says."""

import json
import os
import pty
import signal
import time

import pytest

from asyncllm.testing import ScriptedServer, openai_answer, openai_error

pytestmark = pytest.mark.usefixtures("echo")


@pytest.fixture
def tasks(tmp_path):
    path = tmp_path / "tasks.jsonl"
    path.write_text('"hello there"\n{"prompt": "two", "key": "b", "temperature": 0.5}\n"three"\n')
    return path


def rows(text):
    return [json.loads(line) for line in text.splitlines()]


def test_results_are_written_to_the_file_and_progress_to_stderr(invoke, tasks, tmp_path):
    result = invoke("batch", str(tasks), "-o", str(tmp_path / "r.jsonl"), "-m", "echo:any", "--ordered")

    assert (result.stdout, result.exit_code) == ("", 0)
    assert result.stderr.startswith("3 of 3 done · ")
    written = rows((tmp_path / "r.jsonl").read_text())
    assert [(row["key"], row["text"]) for row in written] == [
        ("0", "hello there"),
        ("b", "two"),
        ("2", "three"),
    ]


def test_without_a_file_results_are_printed(invoke, tasks):
    result = invoke("batch", str(tasks), "-m", "echo:any", "--quiet")

    assert (sorted(row["text"] for row in rows(result.stdout)), result.stderr) == (
        ["hello there", "three", "two"],
        "",
    )


def test_options_may_stand_before_the_file_and_the_command_may_be_named(invoke, tasks):
    for words in (["batch", "-m", "echo:any", "-q"], ["batch", "run", "-q", "--model", "echo:any"]):
        assert len(rows(invoke(*words, str(tasks)).stdout)) == 3


def test_a_dash_reads_tasks_from_stdin(invoke):
    result = invoke("batch", "-", "--format", "txt", "-m", "echo:any", "-q", input="one\ntwo\n")

    assert sorted(row["text"] for row in rows(result.stdout)) == ["one", "two"]


def test_parameters_go_to_every_call_and_a_tasks_own_win(invoke, tasks):
    result = invoke("batch", str(tasks), "-m", "echo:any", "-q", "--temperature", "1.5", "--ordered")

    asked = [[each["asked"] for each in row["adjustments"]] for row in rows(result.stdout)]
    assert asked == [[1.5], [], [1.5]]


def test_a_bad_line_is_told_before_anything_is_sent(invoke, tmp_path):
    tasks = tmp_path / "t.jsonl"
    tasks.write_text('"fine"\n' * 50 + '{"prompt": "x", "temprature": 1}\n')
    with ScriptedServer() as server:
        result = invoke("batch", str(tasks), "-m", "openai:gpt-4.1", *reaching(server))

    assert (server.requests, result.exit_code) == ([], 2)
    assert f"{tasks}, line 51: unknown parameter 'temprature'; did you mean 'temperature'?" in result.stderr


def test_a_file_without_tasks_is_none(invoke, tmp_path):
    (tmp_path / "t.txt").write_text("\n\n")
    result = invoke("batch", str(tmp_path / "t.txt"), "-m", "echo:any")

    assert result.exit_code == 2
    assert "there are no tasks" in result.stderr


def test_results_that_are_there_are_not_overwritten(invoke, tasks, tmp_path):
    (tmp_path / "r.jsonl").write_text("mine")
    result = invoke("batch", str(tasks), "-o", str(tmp_path / "r.jsonl"), "-m", "echo:any")

    assert (result.exit_code, (tmp_path / "r.jsonl").read_text()) == (2, "mine")
    assert "--force" in result.stderr
    assert (
        invoke("batch", str(tasks), "-o", str(tmp_path / "r.jsonl"), "-m", "echo:any", "--force").exit_code
        == 0
    )


def test_to_resume_takes_a_journal(invoke, tasks):
    result = invoke("batch", str(tasks), "-m", "echo:any", "--resume")

    assert result.exit_code == 2
    assert "--resume goes on from a journal: name it with --journal" in result.stderr


@pytest.mark.parametrize(
    ("option", "given", "wanted"),
    [
        ("--on-error", "never", "on_error takes"),
        ("--deadline", "0", "deadline takes a number"),
        ("--max-cost", "-1", "max_cost takes a number"),
        ("--max-tokens-total", "0", "max_total_tokens takes a whole number"),
        ("--max-concurrency", "0", "max-concurrency"),
        ("--format", "xml", "a format is one of"),
        ("--output", "r.doc", "end it with one of"),
    ],
)
def test_what_an_option_does_not_take_is_refused(invoke, tasks, option, given, wanted):
    result = invoke("batch", str(tasks), "-m", "echo:any", option, given)

    assert (result.stdout, result.exit_code) == ("", 2)
    assert wanted in result.stderr


def reaching(server):
    return ("--setting", f"base_url={server.url}/v1", "--setting", "api_key=k")


def test_some_that_failed_are_counted_and_the_code_says_so(invoke, tasks):
    with ScriptedServer() as server:
        for reply in (openai_answer("fine"), openai_error(400, message="no\nsense"), openai_answer("fine")):
            server.reply(reply)
        result = invoke(
            "batch", str(tasks), "-m", "openai:gpt-4.1", "--max-concurrency", "1", *reaching(server)
        )

    assert result.exit_code == 1
    assert [row["error"]["kind"] for row in rows(result.stdout) if row["error"]] == ["RequestRejected"]
    assert result.stderr.splitlines()[0].startswith("2 of 3 done · 1 failed · ")
    assert "failed: 1 RequestRejected; the first was b: no sense\n" in result.stderr


def test_an_error_that_is_raised_ends_it_with_its_own_code(invoke, tasks):
    result = invoke("batch", str(tasks), "-m", "echo:echo-stranger", "--on-error", "raise", "-q")

    assert (result.stdout, result.exit_code) == ("", 3)
    assert "AuthenticationFailed: who are you?" in result.stderr


def test_a_batch_that_stopped_is_not_all_done(invoke, tasks):
    result = invoke(
        "batch", str(tasks), "-m", "echo:echo-refused", "--on-error", "stop-after:1", "--max-concurrency", "1"
    )

    assert (len(rows(result.stdout)), result.exit_code) == (1, 1)
    assert "stopped: failures=1 is reached (1)" in result.stderr


GATED = """
import anyio
from asyncllm import Choice, Response
from asyncllm.provider import Provider as Base

class Provider(Base):
    def __init__(self, *, folder):
        self.folder = anyio.Path(folder)

    def rules(self, model, params):
        return {}

    async def complete(self, request):
        text = request.messages[-1].text
        await (self.folder / f"began-{text}").touch()
        while text != "first" and not await (self.folder / "open").exists():
            await anyio.sleep(0.01)
        return Response(choices=(Choice(text=text, finish_reason="stop"),))
"""
"""Answers the first task at once, and the others when it is let."""


@pytest.fixture
def gated(plugins, tmp_path, start):
    """Start a batch of which one task is answered and two are in flight, until a gate opens."""
    plugins.install("asyncllm-gated", provider="gated", module="asyncllm_gated", source=GATED)
    tasks, results = tmp_path / "t.txt", tmp_path / "r.jsonl"
    tasks.write_text("first\n" + "".join(f"task-{number}\n" for number in range(1000)))
    options = ["-m", "gated:m", "--setting", f"folder={tmp_path}", "--max-concurrency", "2"]
    process = start("batch", str(tasks), "-o", str(results), *options)
    patience = time.monotonic() + 60
    while not (tmp_path / "began-task-1").exists() or not results.exists():
        assert time.monotonic() < patience
        time.sleep(0.01)
    return process, tmp_path


def interrupt(process):
    """Press Ctrl-C, and wait until that has been noticed."""
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == "stopping: what is in flight may end; Ctrl-C again cancels it\n"


def test_the_first_ctrl_c_lets_what_is_in_flight_end_and_writes_it(gated):
    process, folder = gated
    interrupt(process)
    (folder / "open").touch()
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert {row["text"] for row in rows((folder / "r.jsonl").read_text())} == {"first", "task-0", "task-1"}
    assert len(list(folder.glob("began-*"))) == 3
    assert errors.startswith("3 of 1,001 done · ")
    assert errors.endswith("stopped: Ctrl-C was pressed\n")


def test_the_second_ctrl_c_cancels_what_is_in_flight_and_keeps_what_was_written(gated):
    process, folder = gated
    interrupt(process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert process.returncode == 130
    assert [row["text"] for row in rows((folder / "r.jsonl").read_text())] == ["first"]
    assert len(list(folder.glob("began-*"))) == 3


def test_ctrl_c_ends_waiting_for_standard_input(start):
    process = start("batch", "-", "-m", "echo:any")
    process.stdin.write('"hi"\n')
    process.stdin.flush()
    assert '"text": "hi"' in process.stdout.readline()

    interrupt(process)
    assert process.wait(timeout=60) == 130


def test_whoever_reads_the_results_may_go_away(start, tmp_path):
    (tmp_path / "t.txt").write_text("words\n" * 5_000)
    process = start("batch", str(tmp_path / "t.txt"), "-m", "echo:any", "-q")
    process.stdout.readline()

    process.stdout.close()
    assert (process.stderr.read(), process.wait(timeout=60)) == ("", 141)


def test_a_terminal_shows_a_bar(start, tasks, tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal, its_end = pty.openpty()
    process = start("batch", str(tasks), "-o", str(tmp_path / "r.jsonl"), "-m", "echo:any", stderr=its_end)
    process.communicate(timeout=60)
    os.close(its_end)

    shown = os.read(terminal, 65536).decode()
    os.close(terminal)
    assert "3 of 3 done" in shown
    assert "━" in shown
    assert process.returncode == 0
