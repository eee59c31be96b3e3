"""The guide for plugin authors: its echo is the example, its parrot passes the suite."""

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import asyncllm.rules
from asyncllm import LLM
from asyncllm.provider import Delta, FinishReason, Message, TokenLogprob, Usage

ROOT = Path(__file__).parents[2]
ECHO = ROOT / "examples" / "asyncllm-echo"
GUIDE = (ROOT / "docs" / "writing-a-provider.md").read_text()
BLOCKS = re.findall(r"```(?:python|toml)\n(.*?)```", GUIDE, re.DOTALL)

FILES = {
    "asyncllm_parrot.py": ['"""Parrot\'s models', "CHAT_RULES"],
    "test_parrot.py": [
        "from asyncllm_parrot import ParrotProvider",
        "from asyncllm_parrot import ChattyParrot",
        "from asyncllm import LLM\nfrom asyncllm.testing",
    ],
}


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


@pytest.mark.slow
def test_the_guides_providers_over_http_pass_the_conformance_suite(tmp_path):
    for name, beginnings in FILES.items():
        (tmp_path / name).write_text("\n\n".join(map(block, beginnings)))
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", str(tmp_path)]

    done = subprocess.run(
        [*command, f"--rootdir={tmp_path}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout
    assert re.search(r"\d\d\d passed", done.stdout)
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


@pytest.mark.parametrize("words", [Delta, Usage, TokenLogprob, Message])
def test_the_guide_explains_each_field_of_what_a_provider_is_made_of(words):
    assert {name for name in words.__match_args__ or words.__slots__ if f"`{name}`" not in GUIDE} == set()


def test_the_guide_explains_each_reason_for_an_end():
    assert {reason for reason in get_args(FinishReason) if f"`{reason}`" not in GUIDE} == set()
