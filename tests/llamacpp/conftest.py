"""A real model: the small one of the demo extra, on one thread, loaded once for all tests."""

import os
import subprocess
import sys

import pytest

# Threads that wait for each other spin otherwise, which takes minutes where the cores have more to do.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

pytest.importorskip("llama_cpp")

from asyncllm import LLM
from asyncllm_llamacpp._engines import engines
from asyncllm_llamacpp._model import loaded
from asyncllm_llamacpp._names import located
from asyncllm_llamacpp._settings import Settings

MODEL = "smollm2-135m-instruct"
SETTINGS = {"threads": 1, "context_size": 512, "batch_size": 64}
PARAMETERS = {"max_tokens": 8, "system_prompt": "-"}
"""What makes a call short: in place of this system prompt the model has a long one of its own."""


@pytest.fixture(scope="session")
def path():
    return located(MODEL)


@pytest.fixture(scope="session")
def engine(path):
    """The engine behind ``make_llm()``; as long as the tests hold it, it stays loaded."""
    hold = engines.hold(path, Settings(**SETTINGS))
    yield hold.engine
    hold.engine.stop()
    assert hold.engine.join(10)


@pytest.fixture
def make_llm(engine):
    def make(**given):
        return LLM(f"llamacpp:{MODEL}", **{**SETTINGS, **PARAMETERS, **given})

    return make


@pytest.fixture
def llm(make_llm):
    return make_llm()


@pytest.fixture(scope="session")
def model(path):
    """The model without an engine, in the tests' own thread."""
    with loaded(path, Settings(**SETTINGS), keep_going=lambda: True) as model:
        yield model


@pytest.fixture
def in_fresh_process():
    """Run a program in a process of its own, and return what it printed."""

    def run(program, *arguments):
        command = [sys.executable, "-c", program, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    return run
