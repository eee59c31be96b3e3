"""A real model: the small one of the demo extra, on one thread, loaded once for all tests."""

import inspect
import os
import shutil
import subprocess
import sys
from functools import partial

import pytest

# Threads that wait for each other spin otherwise, which takes minutes where the cores have more to do.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

pytest.importorskip("llama_cpp")

import accounts
import alone
from alone import NO_LETTERS, TINY

from asyncllm import LLM
from asyncllm_llamacpp import LlamaCppProvider
from asyncllm_llamacpp._engines import engines
from asyncllm_llamacpp._interrupt import Interrupt
from asyncllm_llamacpp._model import loaded
from asyncllm_llamacpp._names import located
from asyncllm_llamacpp._scores import scores
from asyncllm_llamacpp._settings import Settings
from asyncllm_llamacpp._strand import Strand

MODEL = "smollm2-135m-instruct"
SETTINGS = {"threads": 1, "context_size": 512, "batch_size": 48}
PARAMETERS = {"max_tokens": 8, "system_prompt": "-"}
"""What makes a call short: in place of this system prompt the model has a long one of its own."""

TINY_SETTINGS = {"threads": 1, "context_size": 96, "batch_size": 16}
TINY_PARAMETERS = {"temperature": 0, "max_tokens": 12, "logit_bias": dict.fromkeys(NO_LETTERS, -100.0)}


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
def read(model):
    """Let the model read tokens, and nothing before them."""
    context = model.context
    strands = []

    def read(tokens, parts=512, interrupt=None):
        strands.append(strand := Strand(tokens))
        context.memory.place(strand)
        while strand.unread:
            part = strand.tokens[strand.read : strand.read + min(parts, context.size.batch)]
            context.batch.clear()
            context.batch.add(part, at=strand.read, sequence=strand.sequence, is_heard=True)
            context.compute([interrupt or Interrupt()])
            context.memory.advance(strand, len(part))
        return scores(context.handle, model.vocabulary.size)

    yield read
    for strand in strands:
        context.memory.free(strand)


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


@pytest.fixture
def make_tiny(tmp_path):
    """Make an LLM and give its engine, which nobody else has: no other test's file has this path."""
    providers = []

    def make(model=TINY, **given):
        path = tmp_path / model.name
        if not path.exists():
            shutil.copy(model, path)
        llm = LLM(f"llamacpp:{path}", **{**TINY_SETTINGS, **TINY_PARAMETERS, **given})
        known = inspect.signature(LlamaCppProvider).parameters
        settings = {name: value for name, value in {**TINY_SETTINGS, **given}.items() if name in known}
        providers.append(provider := LlamaCppProvider(**settings))
        return llm, provider.engine(str(path))

    return make


@pytest.fixture(scope="session")
def tiny_path():
    return TINY


@pytest.fixture(scope="session")
def tiny_parameters():
    return TINY_PARAMETERS


@pytest.fixture(scope="session")
def tiny():
    with loaded(TINY, Settings(threads=1, context_size=2048), keep_going=lambda: True) as model:
        yield model


@pytest.fixture
def is_likeliest(tiny):
    """Tell whether each letter of an answer is the likeliest when it is computed alone."""
    return partial(alone.is_likeliest, tiny)


@pytest.fixture
def leaks_nothing():
    """Tell whether an engine that rests holds no sequence and no cell, but for what it keeps."""

    def leaks_nothing(engine):
        figures = engine.figures()
        assert (figures.running, figures.waiting) == (0, 0)
        context = engine._model.context
        accounts.check(context, running=())
        context.memory.clear()
        accounts.check(context, running=())
        return context.memory.cells.used == context.memory.cells.needed == 0

    return leaks_nothing
