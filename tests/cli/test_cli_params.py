"""What ``asyncllm params`` says: signs for people, lines for a pipe, JSON, and a page."""

import json
import os
import pty
import re
import subprocess
import sys

import pytest

from asyncllm._vocabulary import PARAMETERS

SOURCE = """
from asyncllm.provider import Provider as Base, Table
from asyncllm.rules import Native, Renamed, Unsupported
from asyncllm.testing import FakeProvider

class Provider(FakeProvider):
    tables = (
        Table(name="small", model="small"),
        Table(name="large, old", model="large-1"),
        Table(name="large, new", model="large-2"),
    )

    def __init__(self):
        super().__init__()

    def rules(self, model, params):
        rows = {"seed": Unsupported("no chance in it"), "max_tokens": Renamed("limit", within=(16, 999))}
        return {**rows, "temperature": Native(within=(0, 1))} if model == "small" else rows
"""
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def families(plugins, monkeypatch):
    plugins.install("asyncllm-fam", provider="fam", module="asyncllm_fam", source=SOURCE)
    yield plugins
    monkeypatch.delitem(sys.modules, "asyncllm_fam", raising=False)


@pytest.fixture
def shown(tmp_path):
    """What a command shows on a terminal."""

    def shown(*args, columns=100, **environment):
        ours, theirs = pty.openpty()
        given = {"COLUMNS": str(columns), "LINES": "50", "TERM": "xterm", "PYTHONPATH": str(tmp_path)}
        kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
        process = subprocess.Popen(
            [sys.executable, "-m", "asyncllm", "params", *args],
            stdout=theirs,
            stderr=subprocess.PIPE,
            env={**kept, **given, "PYTHONIOENCODING": "utf-8", **environment},
        )
        os.close(theirs)
        pieces = []
        # A terminal whose other side is closed is an error, or an empty read.
        try:
            while piece := os.read(ours, 65536):
                pieces.append(piece)
        except OSError:
            pass
        os.close(ours)
        assert process.communicate()[1] == b""
        assert process.returncode == 0
        return b"".join(pieces).decode().replace("\r\n", "\n")

    return shown


@pytest.mark.usefixtures("families")
def test_in_a_pipe_each_verdict_is_a_line_with_tabs(invoke):
    result = invoke("params", "fam")

    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert len(lines) == 3 * len(PARAMETERS)
    assert ["fam", "small", "temperature", "native", "temperature", "0 to 1", ""] in lines
    assert ["fam", "large, new", "seed", "dropped", "", "", "no chance in it"] in lines
    assert (result.stderr, result.exit_code) == ("", 0)


@pytest.mark.usefixtures("families")
def test_on_a_terminal_families_stand_side_by_side_and_those_alike_share_a_column(shown):
    text = COLOUR.sub("", shown("fam"))

    assert re.search(r"large,\s+old\s+\+\s+large,\s+small\s+new", text)
    assert re.search(r"temperature +✓ 0\.\.1 +✗", text)
    assert "in all: → max_tokens as limit (16 to 999)" in text
    assert re.search(r"in all: ✗ .*seed", text)
    assert "✗ dropped       not sent, and nothing stands in for it" in text


def test_tables_behind_settings_stand_apart_and_say_which(families, invoke, monkeypatch):
    source = """
from asyncllm.provider import Table
from asyncllm.testing import FakeProvider

class Provider(FakeProvider):
    tables = (
        *(Table(name=f"mute, {model}", model=model, settings={"mode": "mute"}) for model in "abc"),
        Table(name="shrill", model="a", settings={"mode": "loud", "pitch": 9}),
        Table(name="deep", model="a", settings={"mode": "loud", "pitch": 1}),
    )

    def __init__(self, *, mode, pitch=5):
        super().__init__()
"""
    families.install("asyncllm-set", provider="set", module="asyncllm_set", source=source)

    page = invoke("params", "--markdown", "set").stdout
    assert "### set, `mode='mute'`\n\n| parameter | a<br>b<br>c |" in page
    assert "### set, `mode='loud'`\n\nWith `pitch=9`: shrill; `pitch=1`: deep.\n" in page
    monkeypatch.delitem(sys.modules, "asyncllm_set")


@pytest.mark.usefixtures("families")
def test_the_colours_go_where_nobody_wants_them(shown):
    assert "\x1b[32m" in shown("fam")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", shown("fam", NO_COLOR="1"))


@pytest.mark.usefixtures("families")
def test_a_terminal_without_the_signs_gets_letters(shown):
    text = COLOUR.sub("", shown("fam", PYTHONIOENCODING="ascii"))

    assert re.search(r"temperature +y 0\.\.1 +x", text)
    assert "\\u" not in text


@pytest.mark.usefixtures("families")
@pytest.mark.parametrize("columns", [40, 60, 80, 160])
def test_what_does_not_fit_is_put_below(shown, columns):
    text = COLOUR.sub("", shown("fam:small", "fam:large-1", "fam:large-2", columns=columns))

    assert max(map(len, text.splitlines())) <= columns
    assert len(re.findall("^max_tokens ", text, re.MULTILINE)) == {40: 3, 60: 3, 80: 2, 160: 1}[columns]


@pytest.mark.usefixtures("families")
def test_models_stand_side_by_side_with_names_and_reasons_in_words(shown):
    text = COLOUR.sub("", shown("fam:small", "fam:large-1", columns=120))

    assert re.search(r"fam:small +fam:large-1", text)
    assert re.search(r"max_tokens +renamed as limit \(16 to 999\) +renamed as limit", text)
    assert re.search(r"seed +dropped +dropped +\n +no chance in it +no chance in it", text)


@pytest.mark.usefixtures("families")
def test_json_holds_everything(invoke):
    facts = json.loads(invoke("params", "fam", "fam:small", "--json").stdout)

    assert facts["parameters"].keys() == PARAMETERS.keys()
    assert facts["parameters"]["num_beams"]["aliases"] == ["beam_width"]
    names = [table["name"] for table in facts["tables"]]
    assert names == ["small", "large, old", "large, new", "fam:small"]
    assert facts["tables"][0]["parameters"]["temperature"] == {
        "parameter": "temperature",
        "verdict": "native",
        "wire": ["temperature"],
        "accepts": "0 to 1",
        "reason": "",
    }


@pytest.mark.usefixtures("families")
def test_the_page_gives_each_reason_once_and_says_what_printed_it(invoke):
    page = invoke("params", "--markdown", "fam").stdout

    assert "`asyncllm params --markdown fam`" in page
    assert "| parameter | small | large, old<br>large, new |" in page
    (number,) = re.findall(r"^\[\^(\d+)\]: no chance in it$", page, re.MULTILINE)
    assert f"| `seed` | ✗[^{number}] | ✗[^{number}] |" in page


@pytest.mark.parametrize("source", ["raise RuntimeError('no')", "import no_such_sdk", "Provider = int"])
def test_a_plugin_that_does_not_work_is_named_and_disturbs_no_other(families, invoke, source):
    families.install("asyncllm-bad", provider="bad", module="asyncllm_bad", source=source)

    result = invoke("params")
    assert "fam\tsmall\tseed\tdropped" in result.stdout
    assert re.search(r"^note: the provider 'bad' ", result.stderr, re.MULTILINE)
    assert result.exit_code == 0
    assert invoke("params", "bad").exit_code == 2


def test_a_bug_in_a_plugins_tables_disturbs_no_other(families, invoke):
    source = SOURCE.replace(
        "def rules(self, model, params):", "def rules(self, model, params):\n        1 / 0"
    )
    families.install("asyncllm-bug", provider="bug", module="asyncllm_bug", source=source)

    result = invoke("params")
    assert "fam\tsmall\tseed\tdropped" in result.stdout
    assert "note: the tables of the provider 'bug' fail: ZeroDivisionError" in result.stderr
    assert result.exit_code == 0


def test_a_plugin_without_tables_is_shown_as_one(echo, invoke):
    result = invoke("params", "echo")

    assert "echo\tany model\tseed\tdropped\t\t\techoes are always the same" in result.stdout


def test_who_is_unknown_is_told_who_is_known(invoke):
    result = invoke("params", "nobody:x")

    assert (result.stdout, result.exit_code) == ("", 2)
    assert "no provider 'nobody'" in result.stderr


@pytest.mark.parametrize("model", ["openai:gpt-5.2", "claude-opus-4-6", "llamacpp:x.gguf"])
def test_our_own_providers_need_no_key_and_no_file(invoke, model):
    result = invoke("params", model, env={"OPENAI_API_KEY": "", "ANTHROPIC_API_KEY": ""})

    assert f"{model}\tmax_tokens\t" in result.stdout
    assert result.exit_code == 0


@pytest.mark.usefixtures("echo")
def test_a_plan_is_printed_in_place_of_an_answer(invoke):
    result = invoke("run", "hi", "-m", "echo:any", "--plan", "--seed", "7", "--temperature", "1.5")

    assert result.stdout.startswith("echo:any  ->  any\n")
    assert re.search(r"dropped +seed +7 +echoes are always the same", result.stdout)
    assert re.search(r"clamped +temperature +1.5 -> 1", result.stdout)
    assert (result.stderr, result.exit_code) == ("", 0)


@pytest.mark.usefixtures("echo")
def test_a_plan_is_json_where_json_is_wanted(invoke):
    result = invoke("run", "hi", "-m", "echo:any", "--plan", "--json", "--seed", "7", "--strict")

    plan = json.loads(result.stdout)
    assert plan["sent"][0]["body"] == {"messages": [{"role": "user", "content": "hi"}]}
    assert [verdict["verdict"] for verdict in plan["verdicts"]] == ["dropped"]
    assert "seed" in plan["refusal"]


@pytest.mark.usefixtures("echo")
def test_a_policy_requires_or_ignores_one_parameter(invoke):
    asked = ("run", "hi", "-m", "echo:any", "--seed", "7", "--temperature", "1.5")
    required = invoke(*asked, "--policy", "seed=require")
    ignored = invoke(*asked, "--policy", "seed=ignore", "--policy", "temperature=ignore")

    assert required.exit_code == 2
    assert "seed" in required.stderr
    assert "temperature" not in required.stderr
    assert (ignored.stdout, ignored.stderr) == ("hi\n", "")


@pytest.mark.usefixtures("echo")
@pytest.mark.parametrize("policy", ["seed", "sed=require", "seed=demand"])
def test_what_is_no_policy_is_refused(invoke, policy):
    assert invoke("run", "hi", "-m", "echo:any", "--policy", policy).exit_code == 2


def test_a_model_can_be_treated_like_another(invoke):
    plan = ("run", "hi", "-m", "openai:my-own", "--plan", "--temperature", "0.5")

    assert "dropped" in invoke(*plan).stdout
    assert re.search(r"native +temperature +0.5", invoke(*plan, "--like", "gpt-4.1").stdout)


def test_a_setting_leads_to_another_table_of_the_model(invoke):
    chat, responses = (
        invoke("params", "openai:gpt-5.2", "--setting", f"api={api}").stdout for api in ("chat", "responses")
    )

    assert "max_completion_tokens" in chat
    assert "max_output_tokens" in responses


def test_a_page_and_json_are_not_one(invoke):
    assert "give one of them" in invoke("params", "--json", "--markdown").stderr
