"""Leaving a call, at any point, stops the work on it."""

import anyio
import pytest

from asyncllm import Unavailable
from asyncllm.provider import Message, Request
from asyncllm_llamacpp import _context
from asyncllm_llamacpp._context import Interrupted
from asyncllm_llamacpp._interrupt import Brake, Interrupt
from asyncllm_llamacpp._job import Job
from asyncllm_llamacpp._strand import Strand

pytestmark = pytest.mark.anyio

LONG = "one two three " * 100
LONGER = "four five six " * 100
STORY = "Tell me a story."
ENDLESS = {"temperature": 2, "top_k": 0, "top_p": 1, "seed": 1}
"""So hot that the end of the answer is as likely as any other token."""


async def rests(engine):
    """Return whether the engine does nothing, now and a while from now."""
    steps, idle = engine.steps, engine.is_idle
    await anyio.sleep(0.1)
    return idle and engine.is_idle and steps == engine.steps


async def until(condition):
    while not condition():  # noqa: ASYNC110  the engine tells no event of its steps
        await anyio.sleep(0.001)


async def test_leaving_a_stream_early_stops_the_answer(llm, engine):
    async with llm.astream(STORY, max_tokens=400) as stream:
        await anext(aiter(stream))

    assert await rests(engine)
    assert stream.response.finish_reason == "cancelled"


async def test_a_cancelled_call_stops_while_it_answers(llm, engine):
    with anyio.CancelScope() as scope:
        async with llm.astream(STORY, max_tokens=400) as stream:
            async for _ in stream:
                scope.cancel()

    assert scope.cancelled_caught
    assert await rests(engine)


async def test_a_cancelled_call_stops_while_it_reads_the_prompt(llm, engine):
    before = engine.steps
    async with anyio.create_task_group() as group:
        group.start_soon(llm.arun, LONG)
        await until(lambda: engine.steps > before)
        group.cancel_scope.cancel()

    assert await rests(engine)


async def test_after_a_cancelled_call_the_next_is_as_if_nothing_had_been(llm, engine):
    text = await llm.arun(STORY, seed=1)
    for task in (LONG, STORY):
        before = engine.steps
        async with anyio.create_task_group() as group:
            group.start_soon(llm.arun, task)
            await until(lambda before=before: engine.steps > before)
            group.cancel_scope.cancel()

        assert text == await llm.arun(STORY, seed=1)


async def test_a_call_that_waits_its_turn_leaves_at_once(llm, engine):
    async with llm.astream(STORY, max_tokens=400, **ENDLESS) as first:
        await anext(aiter(first))
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(llm.arun, LONG)
                await anyio.wait_all_tasks_blocked()
                scope.cancel()

        assert not engine.is_idle

    assert await rests(engine)


async def test_an_error_in_the_callers_block_stops_the_answer(llm, engine):
    with pytest.raises(ZeroDivisionError):
        async with llm.astream(STORY, max_tokens=400):
            raise ZeroDivisionError

    assert await rests(engine)


async def test_leaving_after_the_end_waits_for_nothing(llm, engine):
    async with llm.astream(STORY, max_tokens=3) as stream:
        async for _ in stream:
            pass

    assert stream.response.finish_reason == "length"
    assert await rests(engine)


async def test_a_stop_token_leaves_no_work_behind(llm, engine):
    await llm.arun(STORY, temperature=0, stop_token=" ", max_tokens=400)

    assert await rests(engine)


def test_an_event_loop_that_ends_without_a_word_stops_its_calls(engine, anyio_backend):
    request = Request(model="", messages=(Message("user", STORY),), options={"max_tokens": 400, **ENDLESS})

    async def ask():
        before = engine.steps
        engine.submit(job := Job(request))
        await until(lambda: engine.steps > before)
        return job

    job = anyio.run(ask, backend=anyio_backend)
    anyio.run(until, lambda: engine.is_idle, backend=anyio_backend)

    assert job.interrupt.is_set


def test_an_interrupt_breaks_off_before_a_step(model, read):
    interrupt = Interrupt()
    interrupt.set()
    before = model.context.steps
    with pytest.raises(Interrupted):
        read([1, 2, 3], interrupt=interrupt)

    assert before == model.context.steps


class Late(Interrupt):
    """Is not seen by the check before a step: only llama.cpp sees it, within."""

    def __init__(self):
        super().__init__()
        self._answers = iter([False, True])

    @property
    def is_set(self):
        return next(self._answers)

    @is_set.setter
    def is_set(self, value):
        pass


def test_an_interrupt_breaks_a_step_off_within(model, read, monkeypatch):
    late = Late()
    decode = _context.llama.llama_decode

    def set_first(*args):
        late.set()
        return decode(*args)

    monkeypatch.setattr(_context.llama, "llama_decode", set_first)
    before = model.context.steps
    with pytest.raises(Interrupted):
        read([1, 2, 3], interrupt=late)

    assert before + 1 == model.context.steps


def test_a_step_that_several_share_is_broken_off_by_the_last_of_them():
    first, second = Interrupt(), Interrupt()
    brake = Brake([first, second])
    first.set()

    assert not brake.is_pulled

    second.set()

    assert brake.is_pulled


def test_a_step_is_not_broken_off_by_those_who_shared_an_earlier_one():
    first, second = Interrupt(), Interrupt()
    Brake([first])
    later = Brake([first, second])
    first.set()

    assert not later.is_pulled


@pytest.mark.parametrize(
    ("code", "words"), [(2, "the computation was broken off"), (-9, "the computation failed")]
)
def test_a_step_that_fails_is_a_sentence(read, monkeypatch, code, words):
    monkeypatch.setattr(_context.llama, "llama_decode", lambda *_: code)
    with pytest.raises(Unavailable) as raised:
        read([1])

    assert str(raised.value) == f"llama.cpp stopped: {words} (code {code}; it does not say why)"


def test_what_is_fatal_is_no_interruption_even_where_all_have_left(read, monkeypatch):
    late = Late()

    def fail(*_):
        late.set()
        return -9

    monkeypatch.setattr(_context.llama, "llama_decode", fail)
    with pytest.raises(Unavailable, match="code -9"):
        read([1], interrupt=late)


def test_a_strand_of_which_nothing_was_read_is_not_kept(model):
    memory = model.context.memory
    memory.clear()
    memory.place(strand := Strand([1, 2, 3]))
    memory.keep(strand)

    assert (memory.kept, strand.sequence) == ((), None)
    assert memory.cells.used == memory.cells.needed == 0
