"""The guide for plugin authors: its echo is the example, its parrot passes the suite."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import asyncllm.rules
from asyncllm import LLM

ROOT = Path(__file__).parents[2]
ECHO = ROOT / "examples" / "asyncllm-echo"
GUIDE = (ROOT / "docs" / "writing-a-provider.md").read_text()
BLOCKS = re.findall(r"```(?:python|toml)\n(.*?)```", GUIDE, re.DOTALL)


def block(beginning):
    (found,) = (block for block in BLOCKS if block.startswith(beginning))
    return found


@pytest.mark.parametrize("path", ["pyproject.toml", "asyncllm_echo/__init__.py", "tests/test_conformance.py"])
def test_the_guide_shows_each_file_of_the_example_as_it_is(path):
    assert (ECHO / path).read_text() in BLOCKS


def test_the_example_is_under_a_hundred_lines():
    files = [path for path in ECHO.rglob("*") if path.suffix in {".py", ".toml"}]

    assert len(files) == 3
    assert sum(len(path.read_text().splitlines()) for path in files) < 100


def test_the_guides_session_is_what_happens():
    provider = runpy.run_path(str(ECHO / "asyncllm_echo" / "__init__.py"))["EchoProvider"]
    session = block(">>> from asyncllm import LLM")
    response = LLM("any", provider=provider, shout=True).generate("a b STOP c", stop_token="STOP", seed=1)

    assert f">>> response.text\n{response.text!r}\n" in session
    assert (
        "".join(f"{adjustment}\n" for adjustment in response.adjustments)
        == session.partition("print(adjustment)\n")[2]
    )


def test_the_guides_provider_over_http_passes_the_conformance_suite(tmp_path):
    (tmp_path / "asyncllm_parrot.py").write_text(block('"""Parrot\'s models'))
    (tmp_path / "test_parrot.py").write_text(block("from asyncllm_parrot"))
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", str(tmp_path)]

    done = subprocess.run(
        [*command, f"--rootdir={tmp_path}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout
    assert re.search(r"\d\d passed", done.stdout)
    assert "skipped" not in done.stdout


@pytest.mark.parametrize("beginning", ["from dataclasses import", "from asyncllm.rules import Families"])
def test_the_other_blocks_run(beginning):
    exec(block(beginning), {"__name__": "guide"})


def test_the_guide_names_every_row():
    rows = {
        name
        for name in asyncllm.rules.__all__
        if hasattr(getattr(asyncllm.rules, name), "apply") or name in {"exclusive", "Families", "Family"}
    } - {"Rule"}

    assert {name for name in rows if f"{name}(" not in GUIDE} == set()
