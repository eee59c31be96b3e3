"""Tasks come from files: a line or a row each, whatever the format; and what is none is named by its line."""

import csv
import gc
import io
import json
import os
import string
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncllm import LLM, ConfigurationError, InvalidParameter, InvalidTask, Message
from asyncllm.batch import read_tasks
from asyncllm.batch._files import _blocks, _parquet, _reader
from asyncllm.testing import FakeProvider

CONVERSATION = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]


@pytest.fixture
def file(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


async def read(path, **given):
    return [task async for task in read_tasks(path, **given)]


def said(tasks):
    return [(task.key, text_of(task.prompt), dict(task.params)) for task in tasks]


def text_of(prompt):
    return prompt if isinstance(prompt, str) else "".join(message.text for message in prompt)


async def refused(path, **given):
    with pytest.raises(InvalidTask) as caught:
        await read(path, **given)
    return str(caught.value).removeprefix(f"{path}, ")


@pytest.mark.anyio
async def test_a_line_of_json_is_a_prompt_or_says_more(file):
    lines = ['"plain"', {"prompt": "x", "key": "k", "temperature": 0.2}, {"messages": CONVERSATION, "id": 7}]
    path = file("t.jsonl", "\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))

    tasks = await read(path)
    assert said(tasks) == [
        (None, "plain", {}),
        ("k", "x", {"temperature": 0.2}),
        ("7", "Be brief.Hi", {}),
    ]
    assert tasks[2].prompt == (Message("system", "Be brief."), Message("user", "Hi"))


@pytest.mark.anyio
async def test_a_text_stays_one_so_that_its_role_says_who_says_it(file):
    (task,) = await read(file("t.jsonl", '{"prompt": "Go on", "role": "assistant"}'))

    assert (task.prompt, task.params) == ("Go on", {"role": "assistant"})


@pytest.mark.anyio
async def test_a_line_of_an_openai_batch_is_read_by_our_names(file):
    parts = [{"type": "text", "text": "two "}, {"type": "text", "text": "parts"}]
    body = {
        "model": "gpt-4.1",
        "messages": [{"role": "user", "content": parts}],
        "max_completion_tokens": 9,
        "stop": ["\n"],
        "n": 2,
    }
    line = {"custom_id": "request-1", "method": "POST", "url": "/v1/chat/completions", "body": body}

    assert said(await read(file("t.jsonl", json.dumps(line)))) == [
        ("request-1", "two parts", {"max_tokens": 9, "stop_token": ("\n",), "num_return_sequences": 2})
    ]


@pytest.mark.anyio
async def test_a_line_for_the_responses_api_is_one_too(file):
    body = {"model": "gpt-5.2", "input": "Hi", "instructions": "Be brief.", "max_output_tokens": 9}

    assert said(await read(file("t.jsonl", json.dumps({"custom_id": "a", "body": body})))) == [
        ("a", "Hi", {"system_prompt": "Be brief.", "max_tokens": 9})
    ]


@pytest.mark.anyio
async def test_a_plain_line_is_a_prompt_and_an_empty_one_nothing(file):
    assert said(await read(file("t.txt", "one\r\n\n  \ntwo words\nlast"))) == [
        (None, "one", {}),
        (None, "two words", {}),
        (None, "last", {}),
    ]


@pytest.mark.anyio
async def test_cells_of_a_table_of_texts_get_the_types_of_their_parameters(file):
    names = "prompt,key,temperature,max_tokens,stop_token,do_sample"
    table = names + '\n"two\nlines, ""quoted""",a,0.5,7,END,true\nb,,,,,\n'

    assert said(await read(file("t.csv", table))) == [
        (
            "a",
            'two\nlines, "quoted"',
            {"temperature": 0.5, "max_tokens": 7, "stop_token": ("END",), "do_sample": True},
        ),
        (None, "b", {}),
    ]


@pytest.mark.anyio
async def test_rows_of_parquet_keep_their_types(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "t.parquet"
    rows = {
        "prompt": ["a", "b"],
        "key": ["x", "y"],
        "max_tokens": [7.0, float("nan")],
        "temperature": [None, 0.5],
    }
    parquet.write_table(arrow.table(rows), path)

    assert said(await read(path)) == [("x", "a", {"max_tokens": 7}), ("y", "b", {"temperature": 0.5})]


@pytest.mark.anyio
async def test_without_pyarrow_a_parquet_file_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(_parquet.importlib, "import_module", _missing)

    with pytest.raises(ConfigurationError, match=r"pip install 'asyncllm-framework\[parquet\]'"):
        await read(tmp_path / "t.parquet")


def _missing(name):
    raise ModuleNotFoundError(name)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("{", "line 2: it is not JSON"),
        ("7", 'line 2: wanted is a text, or an object with a "prompt" or "messages"; got 7'),
        ("{}", 'line 2: wanted is a text, or an object with a "prompt" or "messages"; got neither'),
        ('{"prompt": "a", "messages": []}', "got prompt and messages"),
        ('{"prompt": ""}', "line 2: a task needs a text to ask"),
        ('{"prompt": "a", "key": "x", "id": "y"}', "a task has one key; got key and id"),
        ('{"prompt": "a", "key": ""}', "line 2: a task's key is a text; got ''"),
        ('{"prompt": "a", "temprature": 1}', "did you mean 'temperature'?"),
        ('{"prompt": "a", "self": 1}', "line 2: "),
        ('{"prompt": "a", "temperature": 9}', "line 2: temperature takes a number"),
        ('{"prompt": "a", "temperature": NaN}', "NaN is no number in JSON"),
        (
            '{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}',
            "parts of a message are texts",
        ),
        ('{"messages": [{"role": "king", "content": "x"}]}', "a message's role is one of"),
        ('{"body": 7}', '"body" is an object'),
        ('{"body": {"messages": []}, "bdy": 7}', 'beside "body" there is no bdy'),
        (b'"\xff"', "line 2: it is not text in UTF-8"),
    ],
)
async def test_a_bad_line_is_named_with_what_was_wanted(file, line, wanted):
    data = line if isinstance(line, bytes) else line.encode()

    assert wanted in await refused(file("t.jsonl", b'"good"\n' + data + b'\n"good"'))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("table", "wanted"),
    [
        ("prompt,key\na,b,c\n", "line 2: it has 3 cells, and the table 2 columns"),
        ("prompt,max_tokens\na,many\n", "line 2: max_tokens takes a whole number of at least 1; got 'many'"),
        ("prompt,label\na,b\n", "line 2: unknown parameter 'label'"),
        ('prompt\nfine\n"never\nclosed\n', "line 3: it is no row of a table: unexpected end of data"),
        ("text\nhello\n", "got neither"),
    ],
)
async def test_a_bad_row_is_named_by_the_line_on_which_it_begins(file, table, wanted):
    assert wanted in await refused(file("t.csv", table))


@pytest.mark.anyio
async def test_a_key_that_comes_twice_is_named_with_both_lines(file):
    path = file("t.jsonl", '{"prompt": "a", "key": "x"}\n"b"\n\n{"prompt": "c", "key": "x"}\n')

    assert await refused(path) == "line 4: its key 'x' is that of line 1 too"


@pytest.mark.anyio
async def test_a_place_that_is_another_tasks_key_is_one_that_comes_twice(file):
    path = file("t.jsonl", '{"prompt": "a", "key": "1"}\n"b"\n')

    assert await refused(path) == "line 2: its key '1' is that of line 1 too"


@pytest.mark.anyio
async def test_keys_are_remembered_up_to_a_number(file, monkeypatch):
    monkeypatch.setattr(_reader, "REMEMBERED", 2)
    path = file("t.jsonl", "".join(json.dumps({"prompt": "a", "key": key}) + "\n" for key in "abcc"))

    assert [task.key for task in await read(path)] == ["a", "b", "c", "c"]


@pytest.mark.anyio
async def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(InvalidTask, match="No such file"):
        await read(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    ("path", "given", "wanted"),
    [
        ("t.doc", {}, "end it with one of .jsonl"),
        ("t.txt", {"format": "xml"}, "a format is one of jsonl, txt"),
    ],
)
def test_a_format_that_nobody_knows_is_refused_at_once(path, given, wanted):
    with pytest.raises(InvalidParameter, match=wanted):
        read_tasks(path, **given)


@pytest.mark.anyio
async def test_a_line_without_an_end_does_not_fill_the_memory(file, monkeypatch):
    monkeypatch.setattr("asyncllm.batch._files._lines.LONGEST", 100)
    monkeypatch.setattr(_blocks, "SIZE", 64)

    assert "line 1 is longer than 100 bytes" in await refused(file("t.txt", "x" * 1000))


@pytest.mark.anyio
async def test_a_file_is_read_only_as_tasks_are_taken(file, monkeypatch):
    reads = []
    own = os.read
    monkeypatch.setattr(_blocks.os, "read", lambda fd, size: reads.append(size) or own(fd, size))
    monkeypatch.setattr(_blocks, "SIZE", 100)
    tasks = read_tasks(file("t.txt", "a line\n" * 10_000))

    await anext(tasks)
    assert len(reads) == 1


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc")
@pytest.mark.anyio
async def test_a_file_that_is_left_in_the_middle_is_closed(file):
    gc.collect()
    before = open_files()
    tasks = read_tasks(file("t.txt", "a line\n" * 100_000))
    await anext(tasks)
    del tasks
    gc.collect()

    assert open_files() == before


@pytest.mark.anyio
async def test_who_waits_for_a_pipe_can_be_cancelled(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    end = os.open(path, os.O_RDWR)
    os.write(end, b"first\nsec")
    tasks = read_tasks(path, format="txt")
    assert said([await anext(tasks)]) == [(None, "first", {})]

    async with anyio.create_task_group() as group:
        group.start_soon(anext, tasks)
        await anyio.sleep(0.05)
        group.cancel_scope.cancel()
    os.close(end)


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip)
PARAMS = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2),
        "max_tokens": st.integers(1, 10**6),
        "system_prompt": st.text(string.ascii_letters, min_size=1),
        "do_sample": st.just(True),
    },
).filter(lambda params: not (params.get("temperature") == 0 and "do_sample" in params))
ROWS = st.lists(st.tuples(TEXTS, KEYS, PARAMS), max_size=20, unique_by=lambda row: row[1])


def as_json_lines(rows, folder):
    lines = [json.dumps({"prompt": text, "key": key, **params}) + "\n" for text, key, params in rows]
    (folder / "t.jsonl").write_text("".join(lines))
    return folder / "t.jsonl"


def as_csv(rows, folder):
    names = ["prompt", "key", "temperature", "max_tokens", "system_prompt", "do_sample"]
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, names)
    writer.writeheader()
    writer.writerows({"prompt": text, "key": key, **params} for text, key, params in rows)
    (folder / "t.csv").write_bytes(table.getvalue().encode())
    return folder / "t.csv"


@pytest.mark.parametrize("written", [as_json_lines, as_csv])
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, size=st.integers(1, 40))
def test_what_was_written_is_what_is_read_however_it_comes_in_blocks(written, rows, size, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_blocks, "SIZE", size)
        tasks = anyio.run(read, written(rows, tmp_path))

    assert said(tasks) == [(key, text, params) for text, key, params in rows]


def test_synchronous_code_reads_them_too(file):
    llm = LLM("m", provider=lambda: FakeProvider(reply=lambda request: request.messages[-1].text))

    assert llm.batch_run(read_tasks(file("t.txt", "one\ntwo\n"))) == ["one", "two"]
