"""The command as a process: pipes, signals, what is installed."""

import importlib.metadata
import os
import pty
import signal
import subprocess
import sys

import pytest

VERSION = importlib.metadata.version("asyncllm-framework")


@pytest.mark.usefixtures("echo")
def test_each_piece_is_printed_as_it_comes(start):
    process = start("run", "early words", "-m", "echo-forever")

    # The answer never ends, so this read returns only because what there is was flushed.
    assert process.stdout.read(len("early words")) == "early words"


@pytest.mark.usefixtures("echo")
def test_ctrl_c_ends_the_call_and_leaves_what_was_printed(start, tmp_path):
    log = tmp_path / "log"
    process = start("run", "early words", "-m", "echo-forever", "--setting", f"log={log}")
    printed = process.stdout.read(len("early words"))

    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    assert (printed + rest, errors, process.returncode) == ("early words\n", "", 130)
    assert log.read_text() == "ended"


@pytest.mark.usefixtures("echo")
def test_a_reader_that_goes_away_ends_it_quietly(start, tmp_path):
    log = tmp_path / "log"
    process = start("run", "hi", "-m", "echo-endless", "--setting", f"log={log}")
    process.stdout.read(100)

    process.stdout.close()
    assert (process.stderr.read(), process.wait(timeout=60)) == ("", 141)
    assert log.read_text() == "ended"


@pytest.mark.usefixtures("echo")
def test_what_the_terminal_cannot_write_does_not_end_the_answer(start):
    ascii_only = (sys.executable, "-X", "utf8=0", "-m", "asyncllm")
    command = (
        f"import os; os.environ['PYTHONIOENCODING'] = 'ascii'; os.execv({ascii_only[0]!r}, {ascii_only!r}"
    )
    process = start(program=(sys.executable, "-c", f"{command} + ('run', 'caf\\xe9', '-m', 'echo-1'))"))

    assert process.communicate(timeout=60) == ("caf\\xe9\n", "")


@pytest.mark.usefixtures("echo")
@pytest.mark.parametrize(("colour", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_stats_are_coloured_on_a_terminal_unless_told_otherwise(monkeypatch, start, colour, coloured):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in {"TERM": "xterm-256color", **colour}.items():
        monkeypatch.setenv(name, value)
    terminal, its_end = pty.openpty()
    process = start("run", "hi", "-m", "echo-1", "--seed", "7", stderr=its_end)
    process.communicate(timeout=60)
    os.close(its_end)

    shown = os.read(terminal, 4096).decode()
    os.close(terminal)
    assert "dropped seed" in shown
    assert ("\x1b[33m" in shown) == coloured


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_the_script_and_the_module_are_one_command(start, argument):
    script = [sys.executable, "-c", "import sys; from asyncllm.cli import main; sys.exit(main())"]
    outputs = {
        start(argument).communicate(timeout=60),
        start(argument, program=script).communicate(timeout=60),
    }

    assert len(outputs) == 1
    assert "asyncllm" in outputs.pop()[0]


def test_a_local_model_answers_out_of_the_box(start):
    process = start("run", "Name three primary colours.", "--max-tokens", "8", "--temperature", "0")

    out, errors = process.communicate(timeout=100)
    assert (errors, process.returncode) == ("", 0)
    assert out.strip()


def test_the_version_is_that_of_the_distribution(invoke):
    assert invoke("--version").stdout == f"asyncllm {VERSION}\n"


def test_bare_it_prints_the_help(invoke):
    result = invoke()

    assert result.exit_code == 0
    assert result.stdout == invoke("--help").stdout


def test_without_the_extra_it_says_what_to_install(tmp_path, start):
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError('no typer', name='typer')")
    process = start("run", "hi")

    out, errors = process.communicate(timeout=60)
    assert (out, process.returncode) == ("", 2)
    assert errors == (
        "error: the command line needs 'typer', which is not installed: "
        "pip install 'asyncllm-framework[cli]'\n"
    )


def test_importing_asyncllm_loads_neither_typer_nor_rich():
    loaded = "import sys, asyncllm, asyncllm.cli; print({'typer', 'rich', 'packaging'} & {*sys.modules})"
    output = subprocess.run([sys.executable, "-c", loaded], capture_output=True, check=True, text=True).stdout

    assert output == "set()\n"
