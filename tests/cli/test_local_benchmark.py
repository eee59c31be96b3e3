"""The parts of ``benchmarks/local.py`` that need neither a model nor a server."""

import json
import sys
from io import StringIO
from pathlib import Path

import pytest

pytest.importorskip("llama_cpp")
pytest.importorskip("rich")

from rich.console import Console

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NAMES = ["asyncllm", "Llama", "server"]


@pytest.fixture(autouse=True)
def contest(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in {"contest", "local"}]:
        del sys.modules[name]


def words(text):
    return len(text.split())


def kept(seconds, *, tokens=4, own_cost=None):
    call = {"first": seconds / 4, "total": seconds, "tokens": tokens, "prompt_tokens": 50, "cached_tokens": 0}
    return {"seconds": seconds, "calls": [call, call], "own_cost": own_cost}


@pytest.fixture
def results():
    rounds = [
        {"asyncllm": kept(1.0, own_cost=0.02), "Llama": kept(3.0), "server": kept(2.0)},
        {"asyncllm": kept(2.0, own_cost=0.04), "Llama": kept(5.0), "server": kept(3.0)},
        {"asyncllm": kept(1.0, own_cost=0.03), "Llama": kept(4.0), "server": kept(0.5)},
    ]
    cells = [{"workload": "short", "at_once": number, "rounds": rounds} for number in (8, 16)]
    settings = {"model": "m.gguf", "threads": 2, "max_tokens": 4, "rounds": 3}
    return {"machine": {"cpu": "a processor"}, "server": {}, "settings": settings, "cells": cells}


def shown(results):
    from contest import table

    console = Console(file=StringIO(), width=table.WIDTH)
    table.show(console, results)
    return console.file.getvalue()


def test_calls_share_a_beginning_just_where_the_workload_says_so():
    from contest.workloads import WORKLOADS

    for workload in WORKLOADS:
        tasks = workload.tasks(4, 0, words)
        beginnings = {task.system for task in tasks}
        assert len(beginnings) == (1 if workload.prefix else 4)
        assert len({task.question for task in tasks}) == 4
        assert {words(task.question) for task in tasks} == {workload.question}
        assert not workload.prefix or words(tasks[0].system) == workload.prefix


def test_a_round_has_the_same_tasks_for_everybody_and_new_ones_each_time():
    from contest.workloads import WORKLOADS

    for workload in WORKLOADS:
        first, again, next_one = (workload.tasks(2, lap, words) for lap in (0, 0, 1))
        assert first == again
        assert {task.question for task in first}.isdisjoint(task.question for task in next_one)
        assert (first[0].system == next_one[0].system) == workload.warm


def test_what_is_cold_differs_from_its_first_word_on():
    from contest.workloads import WORKLOADS

    cold = [workload for workload in WORKLOADS if not workload.warm]
    first_words = [
        task.system.split()[0]
        for workload in cold
        for lap in range(3)
        for task in workload.tasks(1, lap, words)
    ]
    assert len(set(first_words)) == 3 * len(cold)


def test_each_contestant_stands_at_each_place_equally_often():
    from contest.rounds import order

    orders = [order(NAMES, lap) for lap in range(3)]
    assert all(sorted(place) == sorted(NAMES) for place in zip(*orders, strict=True))


@pytest.mark.anyio
async def test_each_works_alone_and_rests_when_it_is_another_ones_turn():
    from contest.rounds import played

    from asyncllm.cli._bench_calls import Timed

    told = []

    class Told:
        def __init__(self, name):
            self.name = name

        async def ask(self, task):
            told.append((self.name, task))
            return Timed(first=0.1, total=0.2, tokens=1)

        async def wake(self):
            told.append((self.name, "wakes"))

        async def rest(self):
            told.append((self.name, "rests"))

        async def spent(self):
            return None

    result = await played({name: Told(name) for name in "ab"}, ["task"], 1)
    assert told == [(name, what) for name in "ba" for what in ("wakes", "task", "rests")]
    assert result["a"]["own_cost"] is None
    (call,) = result["a"]["calls"]
    assert call == {"first": 0.1, "total": 0.2, "tokens": 1, "prompt_tokens": None, "cached_tokens": None}


def test_own_cost_is_what_was_not_spent_decoding_in_between():
    from contest.match import Spent
    from contest.rounds import cost

    assert cost(Spent(decoding=9, working=10), Spent(decoding=18, working=20)) == pytest.approx(0.1)
    assert cost(None, Spent(decoding=1, working=1)) is None


def test_ratios_are_taken_within_a_round(results):
    from contest import outcome

    ratio = outcome.ratio(results["cells"][0], "server")
    assert (ratio.median, ratio.low, ratio.high) == (1.5, 0.5, 2.0)


def test_the_tables_say_who_was_how_fast_what_it_cost_and_what_was_reached(results):
    text = shown(results)

    assert "short, 8 at once" in text
    assert "1.50 x (0.50..2.00)" in text
    assert "  short: 3.0% (2.0%..4.0%)" in text
    assert "reached       short, 8 at once: at least 2.5 x Llama; it is 3.00 x (2.50..4.00)" in text
    assert "not measured  short, 1 at once: at least 0.95 x Llama; it is unknown" in text
    assert "not alike" not in text


def test_an_engine_that_does_not_tell_its_cost_is_said_not_to(results):
    for lap in results["cells"][1]["rounds"]:
        lap["asyncllm"] = kept(1.0)

    assert "  short: not told" in shown(results)


def test_what_was_not_alike_is_said(results):
    results["cells"][0]["rounds"][0]["Llama"] = kept(1.0, tokens=3)

    assert "not alike: short, 8 at once: Llama: answers of ['3', '4'] tokens, not 4" in shown(results)


def test_that_one_llama_cpp_was_built_for_more_is_said(results):
    results["machine"]["llama.cpp"] = "CPU : AVX2 = 1 | AVX512 = 1 | "
    results["server"]["system"] = "CPU : AVX2 = 1 | "

    assert "not alike: the builds of llama.cpp: the server lacks AVX512 = 1" in shown(results)


def test_a_few_contestants_will_do(results):
    for cell in results["cells"]:
        cell["rounds"] = [{"server": lap["server"]} for lap in cell["rounds"]]

    assert "server" in shown(results)


def test_the_options_name_no_more_than_there_is():
    import local

    given = local.options(["--concurrency", "2", "4", "--workload", "short", "--contestants", "Llama"])
    assert (given.concurrency, given.workload, given.contestants) == ([2, 4], ["short"], ["Llama"])
    with pytest.raises(SystemExit):
        local.options(["--contestants", "nobody"])


def test_without_matplotlib_the_file_of_results_is_drawn_elsewhere(results, tmp_path, monkeypatch, capsys):
    import local

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    monkeypatch.setattr(sys, "argv", ["local.py", "--show", str(path)])

    local.main()
    assert (
        f"no plot, since matplotlib is not installed; later: {local.PLOT} {path}" in capsys.readouterr().out
    )


def test_the_plot_is_a_png_and_an_svg(results, tmp_path):
    pytest.importorskip("matplotlib")
    from contest import plot

    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    assert [picture.suffix for picture in plot.draw(path)] == [".png", ".svg"]
    assert all(path.with_suffix(kind).stat().st_size for kind in (".png", ".svg"))
