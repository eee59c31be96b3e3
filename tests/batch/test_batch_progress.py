"""How far a batch has come is told: to a function, or to people."""

import io
import logging
import sys

import anyio
import pytest
from rich.console import Console

from asyncllm import (
    LLM,
    ConfigurationError,
    InvalidParameter,
    Limits,
    Metrics,
    Progress,
    RequestRejected,
    Usage,
)
from asyncllm.batch import _display, _report
from asyncllm.testing import FakeProvider


def fake(reply="fine"):
    return LLM("m", provider=lambda: FakeProvider(reply=reply))


async def ask(llm, tasks, progress):
    async with llm.abatch(tasks, progress=progress) as results:
        return [result async for result in results]


@pytest.mark.anyio
async def test_a_function_is_told_at_the_end_how_it_was():
    told = []
    await ask(fake(), ["a", "b", "c"], told.append)

    assert isinstance(told[-1], Progress)
    assert (told[-1].done, told[-1].failed, told[-1].running, told[-1].total) == (3, 0, 0, 3)


@pytest.mark.anyio
async def test_a_function_is_told_now_and_then(monkeypatch):
    monkeypatch.setattr(_report, "EVERY", 0)
    told, enough = [], anyio.Event()

    def tell(progress):
        told.append(progress)
        if len(told) == 5:
            enough.set()

    async with fake().abatch(["a"], progress=tell) as results:
        await enough.wait()
        assert len([result async for result in results]) == 1
    assert [each.seconds for each in told] == sorted(each.seconds for each in told)


@pytest.mark.anyio
async def test_who_leaves_early_is_told_of_the_end_too():
    told = []
    async with fake().abatch(["a", "b"], progress=told.append):
        pass

    assert told
    assert told[-1].running == 0


@pytest.mark.anyio
async def test_a_function_that_fails_ends_nothing(caplog):
    def tell(progress):
        raise ZeroDivisionError

    with caplog.at_level(logging.WARNING, logger="asyncllm"):
        assert len(await ask(fake(), ["a", "b"], tell)) == 2
    assert "progress failed error='ZeroDivisionError()'" in caplog.text


def test_the_blocking_twin_takes_it_too():
    told = []

    assert fake().batch_run(["a", "b"], progress=told.append) == ["fine", "fine"]
    assert told[-1].done == 2


async def unheard(progress):
    """Nobody would await it."""


@pytest.mark.anyio
@pytest.mark.parametrize("given", [unheard, 7, "yes"])
async def test_what_is_no_function_is_refused(given):
    with pytest.raises(InvalidParameter, match="progress takes True, False, or a function"):
        await ask(fake(), ["a"], given)


@pytest.mark.anyio
async def test_true_shows_a_line_where_nobody_looks(capsys):
    await ask(fake(), ["a", "b"], progress=True)

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("2 of 2 done · ")
    assert err.count("\n") == 1


@pytest.mark.anyio
async def test_without_rich_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)

    with pytest.raises(ConfigurationError, match=r"pip install 'asyncllm-framework\[cli\]'"):
        await ask(fake(), ["a"], progress=True)


def test_on_a_terminal_a_bar_moves_in_its_place():
    seen = io.StringIO()
    moving = _display.Moving(Console(file=seen, force_terminal=True, width=100))
    for done in (1, 3):
        moving(Progress(done=done, failed=1, running=2, total=10, seconds=2.0))
    moving.end(Progress(done=10, total=10, seconds=65.0))

    assert "1 of 10 done · 1 failed · 2 in flight · 1.0 requests/s · 8 s left" in seen.getvalue()
    assert "━" in seen.getvalue()
    assert "10 of 10 done · 0.2 requests/s · 1 min 5 s" in seen.getvalue()
    assert seen.getvalue().endswith("\x1b[?25h")


def test_elsewhere_there_is_a_line_every_ten_seconds(capsys):
    seldom = _display.Seldom()
    for seconds in (1.0, 9.9, 10.0, 15.0, 20.1):
        seldom(Progress(done=int(seconds), seconds=seconds))

    assert capsys.readouterr().err == "10 done · 1.0 requests/s · 10 s\n20 done · 1.0 requests/s · 20 s\n"


def test_tokens_and_what_a_journal_had_are_told():
    metrics = Metrics(usage=Usage(input_tokens=10, output_tokens=500))

    told = _display.told(Progress(done=1500, restored=500, seconds=10.0, metrics=metrics))
    assert told == "1,500 done · 500 from the journal · 100.0 requests/s · 50 tokens/s · 10 s"


@pytest.mark.anyio
async def test_who_waits_for_the_limits_is_told():
    llm = LLM("m", provider=FakeProvider, limits=Limits(requests_per_minute=1))
    async with llm.abatch(["a", "b", "c"]) as results:
        await anext(results)
        await anyio.wait_all_tasks_blocked()
        progress = results.progress
    assert (progress.running, progress.waiting, results.progress.waiting) == (2, 2, 0)
    assert "1 of 3 done · 2 in flight · 2 waiting for the limits · " in _display.told(progress)


@pytest.mark.anyio
async def test_what_an_error_ends_is_told_too():
    told = []

    def refuse(request):
        raise RequestRejected("no")

    async with fake(refuse).abatch(["a"], on_error="raise", progress=told.append) as results:
        with pytest.raises(RequestRejected):
            await anext(results)
    assert told[-1].failed == 1
