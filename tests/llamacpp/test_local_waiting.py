"""Who is refused because too many wait, and who never is."""

from contextlib import ExitStack

import pytest
from gate import held
from heard import Heard

from asyncllm import RateLimited
from asyncllm.provider import Message, Request
from asyncllm_llamacpp._engine import Engine
from asyncllm_llamacpp._job import Job
from asyncllm_llamacpp._schedule import Schedule
from asyncllm_llamacpp._settings import Settings
from asyncllm_llamacpp._state import Saving, TakingUp

pytestmark = pytest.mark.anyio

SEQUENCES = 4


@pytest.fixture
def make_engine(tiny_path):
    """Make an engine that has not begun to load its model."""
    with ExitStack() as stack:

        def make(waiting):
            settings = Settings(
                threads=1, context_size=96, batch_size=16, max_sequences=SEQUENCES, max_waiting=waiting
            )
            engine = Engine(tiny_path, settings)
            stack.callback(engine.join, 10)
            stack.callback(engine.stop)
            return engine

        yield make


def request(text="Hi.", **options):
    return Request(model="", messages=(Message("user", text),), options={"max_tokens": 2, **options})


async def is_refused(job):
    try:
        async for _ in job:
            pass
    except RateLimited:
        return True
    return False


async def refused(jobs):
    return [await is_refused(job) for job in jobs].count(True)


@pytest.mark.parametrize("waiting", [0, 3])
async def test_calls_that_come_while_the_model_loads_have_its_sequences_to_come(make_engine, waiting):
    engine = make_engine(waiting)
    jobs = [Job(request(f"{number}")) for number in range(10)]
    for job in jobs:
        engine.submit(job)
    engine.start()

    assert await refused(jobs) == 10 - SEQUENCES - waiting


@pytest.mark.parametrize("waiting", [0, 3])
async def test_calls_that_the_engine_has_not_seen_yet_have_the_sequences_that_are_free(make_engine, waiting):
    engine = make_engine(waiting)
    engine.start()
    jobs = [Job(request(f"{number}")) for number in range(10)]
    with held(engine):
        for job in jobs:
            engine.submit(job)

    assert await refused(jobs) == 10 - SEQUENCES - waiting


async def test_a_search_takes_a_sequence_for_each_of_its_beams(make_engine, tiny):
    schedule = Schedule(tiny)
    schedule.add(Heard("Hi.", {"num_beams": SEQUENCES, "max_tokens": 8}))
    schedule.step()
    engine = make_engine(1)
    engine._schedule = schedule
    jobs = [Job(request(f"{number}")) for number in range(3)]
    for job in jobs:
        engine.submit(job)

    assert schedule.taken == SEQUENCES
    assert [job.begin() for job in jobs] == [True, False, False]
    while not schedule.is_idle:
        schedule.step()
    assert schedule.taken == 0


async def test_to_count_and_to_put_a_state_by_and_take_it_up_are_never_refused(make_engine):
    engine = make_engine(0)
    calls = [Job(request(f"{number}")) for number in range(SEQUENCES)]
    saving = Saving(request())
    others = [Job(request(), only_count=True), saving, TakingUp(request(), b"")]
    for job in (*calls, *others, last := Job(request())):
        engine.submit(job)
    engine.start()

    assert await refused([*calls, saving, others[0]]) == 0
    assert saving.state
    assert await is_refused(last)
