"""Whatever comes in whatever order: each answer is its own, and nothing is left behind."""

import random
from collections import Counter

import anyio
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from searches import STURDY, found, wanted

from asyncllm import ProviderError
from asyncllm.provider import Answer, Message, Request
from asyncllm_llamacpp import _context
from asyncllm_llamacpp._interrupt import Interrupt
from asyncllm_llamacpp._memory import Memory
from asyncllm_llamacpp._model import loaded
from asyncllm_llamacpp._native import llama
from asyncllm_llamacpp._schedule import Schedule
from asyncllm_llamacpp._settings import Settings
from asyncllm_llamacpp._strand import Strand
from asyncllm_llamacpp._turn import shares

LETTERS = 64
"""A prompt and its answer take so many tokens at most."""

SEARCHES = [
    (case, given)
    for case, given in STURDY
    if case["prompt"] == "hello" and case["setting"]["num_beams"] < 4 and not case["setting"].get("do_sample")
]


class Heard:
    """A call as the schedule sees it, without an event loop."""

    count = 0

    def __init__(self, task, options):
        self.task = task
        self.request = Request(model="", messages=(Message("user", task),), options=options)
        self.interrupt = Interrupt()
        self.only_count = False
        Heard.count += 1
        self.submitted = Heard.count
        self.answer = Answer()
        self.wanted = None
        self.error = None
        self.has_ended = False

    def begin(self):
        return not self.interrupt.is_set

    def send(self, delta):
        assert not self.has_ended
        self.answer.add(delta)

    def fail(self, error):
        self.error = error

    def end(self):
        assert not self.has_ended
        self.has_ended = True

    def drop(self, error):
        self.fail(error)
        self.end()


@pytest.fixture(scope="module")
def small(tiny_path):
    """The tiny model with less room than its calls need together."""
    asked = Settings(threads=1, context_size=LETTERS, batch_size=16, max_sequences=4, total_context=80)
    with loaded(tiny_path, asked, keep_going=lambda: True) as model:
        yield model


class Calls(RuleBasedStateMachine):
    """Submits, computes, cancels, fails and closes in any order."""

    model = is_right = tiny_parameters = None

    def __init__(self):
        super().__init__()
        self.schedule = Schedule(self.model)
        self.jobs = []

    @rule(
        begin=st.sampled_from(["", "the same beginning ", "the same beginning of all of "]),
        end=st.text("ab", min_size=1, max_size=24),
        most=st.integers(1, 30),
    )
    def submit(self, begin, end, most):
        job = Heard(begin + end, {**self.tiny_parameters, "max_tokens": most})
        self.jobs.append(job)
        self.schedule.add(job)

    @rule(number=st.integers(0, len(SEARCHES) - 1))
    def search(self, number):
        case, given = SEARCHES[number]
        job = Heard(case["prompt"], {name: value for name, value in given.items() if value is not None})
        job.wanted = wanted(case)
        self.jobs.append(job)
        self.schedule.add(job)

    @rule(count=st.integers(1, 12))
    def compute(self, count):
        for _ in range(count):
            self.schedule.step()

    @rule(number=st.integers(0, 100))
    def cancel(self, number):
        if self.jobs:
            self.jobs[number % len(self.jobs)].interrupt.set()

    @rule()
    def cancel_all(self):
        for job in self.jobs:
            job.interrupt.set()

    @rule(code=st.sampled_from([1, -3]))
    def fail(self, code):
        decode = _context.llama.llama_decode
        _context.llama.llama_decode = lambda *_: code
        try:
            self.schedule.step()
        finally:
            _context.llama.llama_decode = decode

    @rule()
    def break_off(self):
        decode = _context.llama.llama_decode

        def cancelled_within(*args):
            self.cancel_all()
            return decode(*args)

        _context.llama.llama_decode = cancelled_within
        try:
            self.schedule.step()
        finally:
            _context.llama.llama_decode = decode

    @rule()
    def close(self):
        self.schedule.close(ProviderError("closed"))

    @invariant()
    def the_accounts_are_llama_cpps(self):
        check_accounts(self.model.context, self.schedule)

    def teardown(self):
        for _ in range(2000):
            if self.schedule.is_idle:
                break
            self.schedule.step()
        figures = self.schedule.figures
        assert (figures.running, figures.waiting) == (0, 0)
        for job in self.jobs:
            if not job.interrupt.is_set:
                assert job.has_ended
                assert job.error is not None or self.is_right(job)
        memory = self.model.context.memory
        memory.clear()
        check_accounts(self.model.context, self.schedule)
        assert memory.cells.used == memory.cells.needed == 0


def machine(model, is_likeliest, tiny_parameters):
    known = {}

    def is_right(job):
        response = job.answer.response()
        if job.wanted is not None:  # The last bits may say which of two that are about as good comes first.
            return sorted(found(response)) == sorted(job.wanted)
        key = job.task, response.text, response.finish_reason
        if key not in known:
            known[key] = is_likeliest(job.task, response)
        return known[key]

    given = {"model": model, "is_right": staticmethod(is_right), "tiny_parameters": tiny_parameters}
    return type("CallsToModel", (Calls,), given)


def check_accounts(context, schedule):
    memory, size = context.memory, context.size
    placed = [strand for call in schedule._running for strand in call.strands if strand.sequence is not None]
    strands = [*placed, *memory.kept]
    assert len({strand.sequence for strand in strands}) == len(strands) <= size.sequences
    assert len(memory._numbers) == size.sequences - len(strands)
    holders = Counter(cell for strand in strands for cell in strand.cells)
    assert len(holders) == memory.cells.used <= size.cells
    assert len({cell for strand in placed for cell in strand.cells}) == memory.cells.needed
    assert all(holders[cell] == count for cell, count in enumerate(memory.cells._holders) if count)
    handle = llama.llama_get_memory(context.handle)
    for strand in strands:
        assert llama.llama_memory_seq_pos_max(handle, strand.sequence) == strand.read - 1
    for number in memory._numbers:
        assert llama.llama_memory_seq_pos_max(handle, number) == -1


def test_any_interleaving_keeps_each_answer_its_own_and_leaks_nothing(small, is_likeliest, tiny_parameters):
    run_state_machine_as_test(
        machine(small, is_likeliest, tiny_parameters),
        settings=settings(
            max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.mark.slow
def test_any_interleaving_keeps_each_answer_its_own_for_long(small, is_likeliest, tiny_parameters):
    run_state_machine_as_test(
        machine(small, is_likeliest, tiny_parameters),
        settings=settings(
            max_examples=500, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_a_thousand_calls_of_all_lengths_end_with_room_for_few(
    small, is_likeliest, tiny_parameters, monkeypatch
):
    draw = random.Random(1)
    schedule = Schedule(small)
    jobs = [
        Heard(
            draw.choice(["", "alike "]) + "".join(draw.choices("abc ", k=draw.randint(1, 30))),
            {**tiny_parameters, "max_tokens": draw.randint(1, 25)},
        )
        for _ in range(1000)
    ]
    gave_way = []
    give_way = schedule._give_way
    monkeypatch.setattr(schedule, "_give_way", lambda call: gave_way.append(call) or give_way(call))
    for job in jobs:
        schedule.add(job)
    while not schedule.is_idle:
        schedule.step()

    assert gave_way
    assert all(job.error is None for job in jobs)
    assert all(is_likeliest(job.task, job.answer.response()) for job in jobs[::20])
    small.context.memory.clear()
    assert small.context.memory.cells.used == 0


@pytest.mark.slow
@pytest.mark.anyio
async def test_cancelling_at_random_leaves_the_engine_empty_and_usable(
    make_tiny, is_likeliest, leaks_nothing
):
    llm, engine = make_tiny(total_context=200, max_sequences=6)
    draw = random.Random(2)

    async def ask(number):
        with anyio.move_on_after(draw.random() * 0.05):
            await llm.arun("alike " * draw.randint(0, 3) + str(number), max_tokens=draw.randint(1, 60))

    with anyio.move_on_after(20):
        while True:
            async with anyio.create_task_group() as group:
                for number in range(40):
                    group.start_soon(ask, number)
    response = await llm.agenerate("still there?")

    assert is_likeliest("still there?", response)
    assert leaks_nothing(engine)


def test_a_memory_that_cannot_be_cut_shares_only_what_is_whole(tiny):
    context = tiny.context
    memory = Memory(context.handle, cells=100, sequences=4, whole=True)
    first = Strand([1, 2, 3])
    memory.place(first)
    context.batch.clear()
    context.batch.add(first.tokens, at=0, sequence=first.sequence, is_heard=True)
    context.compute([Interrupt()])
    memory.advance(first, 3)
    memory.keep(first)
    other, same, longer = Strand([1, 2, 4, 5]), Strand([1, 2, 3]), Strand([1, 2, 3, 4])
    for strand in (other, same, longer):
        memory.place(strand)

    assert [strand.read for strand in (other, same, longer)] == [0, 0, 3]
    for strand in (other, same, longer):
        memory.free(strand)
    memory.clear()
    assert memory.cells.used == 0


@pytest.mark.parametrize(
    ("unread", "most", "given"),
    [
        ([], 10, []),
        ([30], 10, [10]),
        ([3], 10, [3]),
        ([30, 4], 10, [6, 4]),
        ([30, 40, 3], 10, [5, 2, 3]),
        ([2, 40, 3], 10, [2, 5, 3]),
        ([30, 40], 1, [1, 0]),
    ],
)
def test_one_half_is_for_who_came_first_and_one_for_who_has_least_to_read(unread, most, given):
    assert shares(unread, most) == given
