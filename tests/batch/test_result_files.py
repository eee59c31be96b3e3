"""Results go to a file, each exactly once, and stay there."""

import csv
import io
import json

import pytest

from asyncllm import (
    Adjustment,
    BatchResult,
    Choice,
    ConfigurationError,
    InvalidParameter,
    JournalError,
    RateLimited,
    Response,
    Task,
    Timing,
    Usage,
)
from asyncllm.batch import ResultFile
from asyncllm.batch._files import _there


def answered(index, text="fine", *more):
    response = Response(
        choices=tuple(Choice(text=each, finish_reason="stop") for each in (text, *more)),
        usage=Usage(input_tokens=4, output_tokens=2),
        model="m",
        adjustments=(Adjustment(parameter="seed", verdict="dropped", asked=7, reason="no seeds"),),
    )
    told = {"key": f"k{index}", "task": Task("x"), "timing": Timing(total=0.5)}
    return BatchResult(index=index, response=response, **told)


def failed(index):
    error = RateLimited("too many", status=429, request_id="r", retry_after=2.0)
    return BatchResult(index=index, key=f"k{index}", task=Task("x"), error=error, attempts=3)


async def write(path, *results, **given):
    async with ResultFile(path, **given) as file:
        for result in results:
            await file.write([result])


def read(path):
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if path.suffix == ".csv":
        return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))
    parquet = pytest.importorskip("pyarrow.parquet")
    return parquet.read_table(path).to_pylist()


@pytest.mark.anyio
async def test_a_line_holds_all_that_is_known_of_an_answer(tmp_path):
    path = tmp_path / "r.jsonl"
    await write(path, answered(3, "Grüße\n\ud83d", "two"))

    assert "Grüße" in path.read_text()
    assert read(path) == [
        {
            "index": 3,
            "key": "k3",
            "text": "Grüße\n\ud83d",
            "texts": ["Grüße\n\ud83d", "two"],
            "finish_reason": "stop",
            "model": "m",
            "usage": {
                "input_tokens": 4,
                "output_tokens": 2,
                "cached_tokens": 0,
                "cache_write_tokens": 0,
                "reasoning_tokens": 0,
            },
            "adjustments": [
                {"parameter": "seed", "verdict": "dropped", "asked": 7, "sent": None, "reason": "no seeds"}
            ],
            "attempts": 1,
            "seconds": 0.5,
            "error": None,
        }
    ]


@pytest.mark.anyio
async def test_a_line_holds_all_that_is_known_of_an_error(tmp_path):
    await write(path := tmp_path / "r.jsonl", failed(0))

    (row,) = read(path)
    assert (row["text"], row["attempts"]) == (None, 3)
    assert row["error"] == {
        "kind": "RateLimited",
        "message": "too many",
        "status": 429,
        "code": None,
        "request_id": "r",
        "retry_after": 2.0,
    }


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["r.csv", "r.parquet"])
async def test_a_table_has_the_same_in_columns(tmp_path, name):
    await write(path := tmp_path / name, answered(0, 'a,\n"b"\ud83d', "c"), failed(1))

    one, two = read(path)
    assert (one["text"], json.loads(one["texts"])[1]) == ('a,\n"b"\\ud83d', "c")
    assert one["adjustments"] == "dropped seed (7): no seeds"
    assert str(one["output_tokens"]) == "2"
    assert (two["error_kind"], two["error"], two["text"] or None) == ("RateLimited", "too many", None)


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["r.jsonl", "r.csv"])
async def test_what_is_written_is_there_at_once(tmp_path, name):
    path = tmp_path / name
    async with ResultFile(path) as file:
        await file.write([answered(0), answered(1)])
        assert [row["key"] for row in read(path)] == ["k0", "k1"]


@pytest.mark.anyio
async def test_a_file_that_is_there_is_overwritten_only_by_force(tmp_path):
    await write(path := tmp_path / "r.jsonl", answered(0))

    with pytest.raises(ConfigurationError, match="is there already"):
        await write(path, answered(1))
    await write(path, answered(1), force=True)
    assert [row["key"] for row in read(path)] == ["k1"]


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["r.jsonl", "r.csv", "r.parquet"])
@pytest.mark.parametrize("given", [{"force": True}, {"resume": True}, {}])
async def test_nothing_changes_where_no_results_come(tmp_path, name, given):
    path = tmp_path / name
    if given:
        await write(path, answered(0), failed(1))
    before = path.read_bytes() if given else None

    await write(path, **given)
    with pytest.raises(RuntimeError, match="in the block"):
        async with ResultFile(path, **given):
            raise RuntimeError("in the block")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == ([before] if given else [])


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["r.jsonl", "r.csv", "r.parquet"])
@pytest.mark.parametrize("given", [{"force": True}, {"resume": True}])
async def test_what_was_written_before_an_error_takes_the_place_of_the_rest(tmp_path, name, given):
    path = tmp_path / name
    await write(path, failed(0))

    with pytest.raises(RuntimeError, match="in the block"):
        async with ResultFile(path, **given) as file:
            await file.write([answered(3)])
            raise RuntimeError("in the block")
    assert [row["key"] for row in read(path)] == ["k3"]
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["r.jsonl", "r.csv", "r.parquet"])
async def test_who_goes_on_after_being_killed_has_none_of_the_results_that_were_to_go(tmp_path, name):
    path = tmp_path / name
    await write(path, answered(0, "old"), answered(1, "old"))
    (tmp_path / f"{name}.new").touch()  # All that is left of who began anew.

    await write(path, resume=True)
    assert [row["text"] for row in read(path)] == ["old", "old"]
    await write(path, answered(0, "new"), resume=True)
    await write(path, answered(1, "new"), resume=True)
    assert [row["text"] for row in read(path)] == ["new", "new"]
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.anyio
async def test_a_folder_is_not_written_over(tmp_path):
    (path := tmp_path / "r.jsonl").mkdir()

    with pytest.raises(ConfigurationError, match="it is a folder"):
        await write(path, answered(0), force=True)


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["r.jsonl", "r.csv", "r.parquet"])
async def test_who_goes_on_has_each_result_exactly_once(tmp_path, name):
    path = tmp_path / name
    await write(path, answered(0), failed(1), answered(4))
    await write(path, answered(0), answered(1), answered(2), answered(2), answered(4), resume=True)

    rows = read(path)
    assert sorted(str(row["index"]) for row in rows) == ["0", "1", "2", "4"]
    assert not any(row.get("error_kind") or (row["error"] or None) for row in rows)
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["r.jsonl", "r.csv"])
@pytest.mark.parametrize("cut", [1, 2, 5, 30])
async def test_a_last_row_that_was_cut_is_written_again(tmp_path, name, cut):
    path = tmp_path / name
    await write(path, answered(0), answered(1, "two\nlines"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])

    await write(path, answered(0), answered(1, "two\nlines"), resume=True)
    assert path.read_bytes() == whole


@pytest.mark.anyio
async def test_to_go_on_where_nothing_is_begins(tmp_path):
    await write(path := tmp_path / "r.jsonl", answered(0), resume=True)

    assert len(read(path)) == 1


@pytest.mark.anyio
@pytest.mark.parametrize("content", ["no results\n", '{"a": 1}\n', "[]\n", '{"index": -1, "key": "k"}\n'])
async def test_a_file_with_something_else_is_left_as_it_is(tmp_path, content):
    path = tmp_path / "r.jsonl"
    path.write_text(content)

    with pytest.raises(JournalError, match="holds no results"):
        await write(path, answered(0), resume=True)
    assert path.read_text() == content


@pytest.mark.anyio
async def test_other_tasks_results_are_not_mixed_with_these(tmp_path):
    await write(path := tmp_path / "r.jsonl", answered(0))

    other = BatchResult(index=0, key="other", task=Task("x"), response=answered(0).response)
    with pytest.raises(JournalError, match="has another task's result with the index 0 than that of 'other'"):
        await write(path, other, resume=True)


@pytest.mark.anyio
async def test_where_nothing_can_be_written_is_said_before_anything_is_asked(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be written: No such file"):
        await write(tmp_path / "none" / "r.jsonl", answered(0))


@pytest.mark.parametrize("name", ["r.txt", "r", "r.doc"])
def test_a_name_that_says_no_format_for_results_is_refused(name):
    with pytest.raises(InvalidParameter):
        ResultFile(name)


def test_what_is_there_is_known_in_eight_bytes_each():
    there = _there.There("f")

    assert all(there.add(index, str(index)) for index in range(1000))
    assert there._hashes.itemsize * len(there._hashes) == 8000
    assert not there.add(7, "7")
