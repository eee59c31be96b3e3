"""A real model: the small one of the demo extra, on one thread, loaded once for all tests."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Threads that wait for each other spin otherwise, which takes minutes where the cores have more to do.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

pytest.importorskip("llama_cpp")

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

TINY = Path(__file__).parent / "beams" / "tiny.gguf"
"""Random weights; each byte is a token, and prompts are read as they are. Its answers are noise."""
TINY_SETTINGS = {"threads": 1, "context_size": 96, "batch_size": 16}
NO_LETTERS = (*range(128, 257), 258, 259)
"""Its tokens that are no letter by themselves, and not the end either."""
TINY_PARAMETERS = {"temperature": 0, "max_tokens": 12, "logit_bias": dict.fromkeys(NO_LETTERS, -100.0)}
LAST_BITS = 0.03
"""What a score may differ with what else is in a step; the model's scores spread by 3."""


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
    path = shutil.copy(TINY, tmp_path / "tiny.gguf")
    providers = []

    def make(**given):
        llm = LLM(f"llamacpp:{path}", **{**TINY_SETTINGS, **TINY_PARAMETERS, **given})
        known = Settings.__dataclass_fields__
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
    """
    Tell whether each letter of an answer is the likeliest when it is computed alone, and token by token.

    Or as likely but for the last bits, which differ with what else is in a step.
    """
    context = tiny.context

    def is_likeliest(task, response):
        answer = [ord(letter) for letter in response.text]
        answer += [257] if response.finish_reason == "stop" else []
        strand = Strand([*task.encode(), *answer])
        start = len(task.encode()) - 1
        context.memory.place(strand)
        try:
            for at in range(strand.count - 1):
                context.batch.clear()
                context.batch.add(strand.tokens[at : at + 1], at=at, sequence=strand.sequence, is_heard=True)
                context.compute([Interrupt()])
                context.memory.advance(strand, 1)
                found = scores(context.handle, tiny.vocabulary.size).copy()
                found[list(NO_LETTERS)] = -100
                if at >= start and found[strand.tokens[at + 1]] < found.max() - LAST_BITS:
                    return False
        finally:
            context.memory.free(strand)
        return bool(answer)

    return is_likeliest


@pytest.fixture
def leaks_nothing():
    """Tell whether an engine that rests holds no sequence and no cell, but for what it keeps."""

    def leaks_nothing(engine):
        figures = engine.figures()
        memory = engine._model.context.memory
        memory.clear()
        sequences = engine._model.context.size.sequences
        return (
            (figures.running, figures.waiting) == (0, 0)
            and memory.cells.used == memory.cells.needed == 0
            and len(set(memory._numbers)) == sequences
        )

    return leaks_nothing
