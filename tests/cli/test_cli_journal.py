"""``asyncllm batch status`` and ``export``: what a journal tells on the command line."""

import json

import anyio
import pytest

from asyncllm import Choice, RateLimited, Response, Usage
from asyncllm.batch import BatchResult, Task
from asyncllm.batch._journal import opened

TASK = Task("Name a cheese.")


async def begun(path):
    usage = Usage(input_tokens=1200, output_tokens=3)
    response = Response(choices=(Choice(text="Brie \x1b[2J", finish_reason="stop"),), usage=usage)
    async with opened(path, identity={"model": "openai:gpt-5.2"}) as journal:
        for index in range(3):
            await journal.intend(index, f"row-{index}", "f", TASK)
        await journal.record(BatchResult(index=0, key="row-0", task=TASK, response=response), "f")
        await journal.record(BatchResult(index=1, key="row-1", task=TASK, error=RateLimited("too fast")), "f")
        await journal.plan_remote("a", ["row-2"])


@pytest.fixture
def path(tmp_path):
    anyio.run(begun, tmp_path / "run.db")
    return tmp_path / "run.db"


def test_the_status_is_a_fact_a_line(path, invoke):
    result = invoke("batch", "status", str(path))
    facts = dict(line.split("\t") for line in result.stdout.splitlines())

    assert result.exit_code == 0
    assert (facts["running"], facts["done"], facts["failed"], facts["maybe billed"]) == ("no", "1", "1", "1")
    assert (facts["tokens in"], facts["model"]) == ("1,200", '"openai:gpt-5.2"')
    assert facts["at the provider"] == "a: planned, 1 items"


def test_the_status_is_json_for_programs(path, invoke):
    known = json.loads(invoke("batch", "status", str(path), "--json").stdout)

    assert (known["done"], known["running"], known["identity"]) == (1, None, {"model": "openai:gpt-5.2"})


def test_an_export_goes_to_a_file_or_to_standard_output(path, invoke):
    out = path.with_name("out.jsonl")
    result = invoke("batch", "export", str(path), "-o", str(out))
    printed = invoke("batch", "export", str(path))

    assert (result.exit_code, result.stdout) == (0, "")
    assert out.read_text() == printed.stdout
    assert [json.loads(line)["key"] for line in printed.stdout.splitlines()] == ["row-0", "row-1", "row-2"]


def test_an_export_can_be_a_table(path, invoke):
    table = invoke("batch", "export", str(path), "--format", "csv").stdout

    assert table.startswith("index,key,state,text,error,")


@pytest.mark.parametrize("command", ["status", "export"])
def test_what_is_no_journal_is_a_line_and_an_exit_code(tmp_path, invoke, command):
    (tmp_path / "notes.txt").write_text("x" * 200)
    result = invoke("batch", command, str(tmp_path / "notes.txt"))

    assert result.exit_code == 2
    assert "is no journal of asyncllm" in result.stderr
    assert "Traceback" not in result.output


def test_an_unknown_format_is_refused(path, invoke):
    result = invoke("batch", "export", str(path), "--format", "xml")

    assert result.exit_code == 2
    assert "'jsonl' or 'csv'; got 'xml'" in result.stderr
