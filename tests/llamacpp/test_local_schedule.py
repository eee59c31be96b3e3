"""Whatever comes in whatever order: each answer is its own, and nothing is left behind."""

import math
import random
from functools import cache

import accounts
import alone
import pytest
from alone import MEMORIES, TINY
from heard import Heard
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from searches import BRIEF, END, found, told, wanted

from asyncllm import ProviderError
from asyncllm_llamacpp import _context
from asyncllm_llamacpp._interrupt import Interrupt
from asyncllm_llamacpp._memory import Memory
from asyncllm_llamacpp._model import loaded
from asyncllm_llamacpp._schedule import Schedule
from asyncllm_llamacpp._settings import Settings
from asyncllm_llamacpp._strand import Strand
from asyncllm_llamacpp._turn import shares

LETTERS = 64
"""A prompt and its answer take so many tokens at most."""


@pytest.fixture(
    scope="module",
    params=[TINY, *(pytest.param(path, marks=pytest.mark.slow) for path in MEMORIES)],
    ids=lambda path: path.stem,
)
def path(request):
    return request.param


@pytest.fixture(scope="module")
def small(path):
    """A tiny model with less room than its calls need together."""
    asked = Settings(threads=1, context_size=LETTERS, batch_size=16, max_sequences=4, total_context=80)
    with loaded(path, asked, keep_going=lambda: True) as model:
        yield model


@pytest.fixture(scope="module")
def is_right(path):
    """Tell whether a call was answered as if it were alone."""
    with loaded(path, Settings(threads=1, context_size=256), keep_going=lambda: True) as model:
        known = {}

        @cache
        def searched(number):
            case, given = BRIEF[number]
            if path == TINY:
                return sorted(wanted(case))
            tokens = alone.searched(model, case["prompt"], given, given["max_tokens"])
            return sorted(told([(each, None) for each in tokens], {END, *given.get("eos_token_id", ())}))

        def is_right(job):
            response = job.answer.response()
            if job.number is not None:  # The last bits may say which of two about as good comes first.
                return sorted(found(response)) == searched(job.number)
            key = job.task, response.text, response.finish_reason
            if key not in known:
                known[key] = alone.is_likeliest(model, job.task, response)
            return known[key]

        yield is_right


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

    @rule(number=st.integers(0, len(BRIEF) - 1))
    def search(self, number):
        case, given = BRIEF[number]
        job = Heard(case["prompt"], given)
        job.number = number
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
        accounts.check(self.model.context, running=self.schedule._running)

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
        accounts.check(self.model.context, running=self.schedule._running)
        assert memory.cells.used == memory.cells.needed == 0


def machine(model, is_right, tiny_parameters):
    given = {"model": model, "is_right": staticmethod(is_right), "tiny_parameters": tiny_parameters}
    return type("CallsToModel", (Calls,), given)


def test_any_interleaving_keeps_each_answer_its_own_and_leaks_nothing(small, is_right, tiny_parameters):
    run_state_machine_as_test(
        machine(small, is_right, tiny_parameters),
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.mark.slow
def test_any_interleaving_keeps_each_answer_its_own_for_long(small, is_right, tiny_parameters):
    run_state_machine_as_test(
        machine(small, is_right, tiny_parameters),
        settings=settings(
            max_examples=150, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_a_thousand_calls_of_all_lengths_end_with_room_for_few(small, is_right, tiny_parameters, monkeypatch):
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
    assert all(is_right(job) for job in jobs[::20])
    small.context.memory.clear()
    assert small.context.memory.cells.used == 0


def test_nobody_waits_longer_than_if_all_before_were_answered_one_by_one(small, tiny_parameters):
    draw = random.Random(3)
    schedule = Schedule(small)
    jobs, bounds, bound = [], {}, 0
    for _ in range(100):
        if draw.random() < 0.2:
            case, given = draw.choice(BRIEF)
            jobs.append(Heard(case["prompt"], given))
        else:
            task = draw.choice(["", "alike "]) + "".join(draw.choices("abc ", k=draw.randint(1, 30)))
            jobs.append(Heard(task, {**tiny_parameters, "max_tokens": draw.randint(1, 25)}))
        # Who came first reads half of what a step reads, whoever reads besides, and answers go on in each.
        bound += math.ceil(len(jobs[-1].task) / 6) + jobs[-1].request.options["max_tokens"]
        bounds[jobs[-1]] = bound
    for job in jobs:
        schedule.add(job)
    steps = 0
    waiting = set(jobs)
    while not schedule.is_idle:
        schedule.step()
        steps += 1
        ended = {job for job in waiting if job.has_ended}
        assert all(steps <= bounds[job] for job in ended)
        waiting -= ended

    assert not waiting
    assert all(job.error is None for job in jobs)
    assert steps < bound / 2
    small.context.memory.clear()


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
