"""A log file of an LLM's own: one JSON object a line, of its calls and of what its owner says."""

import json
import logging

import pytest

from asyncllm import InvalidParameter

TASK = "Name a colour."


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_enable_logging_writes_what_becomes_of_calls_and_no_text_of_theirs(subject, tmp_path, capsys):
    root = list(logging.getLogger().handlers)
    path = tmp_path / "deep" / "model.log"
    with subject.make() as llm:
        assert llm.enable_logging(path) is llm
        text = llm.run(TASK)
        llm.run(TASK)

    written = path.read_text()
    assert len(lines(path)) >= 2
    assert subject.model.partition(":")[2] in written
    assert TASK not in written
    assert subject.is_local or text not in written
    assert "sk-made-up" not in written
    assert logging.getLogger().handlers == root
    assert capsys.readouterr().out == ""


def test_by_default_the_file_is_model_log(subject, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    subject.make().enable_logging().log_event("begun")

    assert lines(tmp_path / "model.log")


def test_enabling_twice_writes_each_line_once(subject, tmp_path):
    path = tmp_path / "model.log"
    llm = subject.make().enable_logging(log_file=str(path)).enable_logging(str(path))
    llm.log_event("once")

    assert path.read_text().count("once") == 1


def test_log_event_writes_a_line_with_its_fields(subject, tmp_path):
    path = tmp_path / "model.log"
    llm = subject.make().enable_logging(path)
    llm.log_event("tea is ready", cups=2)
    (line,) = lines(path)

    assert line["event"] == "tea is ready"
    assert line["cups"] == 2
    assert {"timestamp", "level"} <= line.keys()


def test_without_a_file_an_event_goes_where_the_librarys_own_lines_go(subject, caplog, capsys):
    with caplog.at_level("INFO", logger="asyncllm"):
        subject.make().log_event("tea is ready", cups=2)

    assert "tea is ready" in caplog.text
    assert capsys.readouterr().out == ""


@pytest.mark.anyio
async def test_what_is_said_is_written_only_where_it_is_asked_for(subject, tmp_path):
    path = tmp_path / "model.log"
    async with subject.make().enable_logging(path, log_content=True) as llm:
        text = await llm.arun(TASK)

    assert TASK in path.read_text()
    assert json.dumps(text, ensure_ascii=False)[1:-1] in path.read_text()


def test_a_file_that_has_grown_large_makes_room_for_a_new_one(subject, tmp_path):
    path = tmp_path / "model.log"
    llm = subject.make().enable_logging(path, max_bytes=500, backups=2)
    for number in range(40):
        llm.log_event("turn", number=number)

    assert sorted(each.name for each in tmp_path.iterdir()) == ["model.log", "model.log.1", "model.log.2"]
    assert lines(path)[-1]["number"] == 39


@pytest.mark.parametrize(
    "wrong", [{"level": "loud"}, {"log_content": "yes"}, {"max_bytes": 0}, {"log_file": 5}]
)
def test_what_no_log_could_be_is_refused(subject, wrong):
    with pytest.raises(InvalidParameter):
        subject.make().enable_logging(**wrong)
