"""A byte of a model's header that is wrong never ends the process."""

import os

import pytest

PROGRAM = """
import os, random, shutil, signal, sys, time
from pathlib import Path
from asyncllm import LLMError
from asyncllm.provider import Message, Request
from asyncllm_llamacpp._model import loaded
from asyncllm_llamacpp._names import located
from asyncllm_llamacpp._interrupt import Interrupt
from asyncllm_llamacpp._schedule import Schedule
from asyncllm_llamacpp._settings import Settings

model = shutil.copy(located("smollm2-135m-instruct"), sys.argv[1])
head = Path(model).read_bytes()[:1_785_664]
tokens, merges = head.index(b"tokenizer.ggml.tokens"), head.index(b"tokenizer.ggml.bos_token_id")
tensors = head.index(b"token_embd.weight")


class Job:
    request = Request(model="", messages=(Message("user", "Hi."),), options={"max_tokens": 2})
    interrupt = Interrupt()
    only_count = False
    submitted = 0
    begin, send, end = lambda: True, lambda delta: None, lambda: None

    def fail(error):
        raise error


def outcome():
    try:
        with loaded(Path(model), Settings(threads=1, context_size=64), keep_going=lambda: True) as opened:
            schedule = Schedule(opened)
            schedule.add(Job)
            while not schedule.is_idle:
                schedule.step()
    except LLMError:
        return 1
    return 0


def write(at, byte):
    with open(model, "r+b") as file:
        file.seek(at)
        file.write(byte)


random.seed(sys.argv[2])
until = time.monotonic() + 60
for _ in range(int(sys.argv[3])):
    span = random.choice([(0, tokens), (tokens, merges), (merges, tensors), (tensors, len(head))])
    at = random.randrange(*span)
    byte = random.choice([0, 255, head[at] ^ 1 << random.randrange(8), random.randrange(256)])
    write(at, bytes([byte]))
    child = os.fork()
    if not child:
        signal.alarm(60)
        try:
            os._exit(outcome())
        finally:
            os._exit(2)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, 1):
        print(f"byte {at} as {byte} instead of {head[at]}: {code}")
    write(at, head[at : at + 1])
    if time.monotonic() > until:
        break
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process for each would take minutes")
def test_a_byte_that_is_wrong_gives_an_error_or_a_model(in_fresh_process, monkeypatch, tmp_path):
    monkeypatch.setenv("GGML_NO_BACKTRACE", "1")  # It would start a debugger.

    assert in_fresh_process(PROGRAM, tmp_path / "model.gguf", 7, 80) == ""
