"""Models that remember in another way than by attention to all: each answer is what it is alone."""

import random
from functools import partial

import alone
import anyio
import pytest
from alone import MEMORIES
from heard import Heard
from searches import END, found, told

from asyncllm.provider import Message, Request
from asyncllm_llamacpp import LlamaCppProvider, _context
from asyncllm_llamacpp._attention import Attention
from asyncllm_llamacpp._model import loaded
from asyncllm_llamacpp._schedule import Schedule
from asyncllm_llamacpp._settings import Settings
from asyncllm_llamacpp._weights import blueprint, heads

TASKS = [
    f"{begin}{end}"
    for begin in ("", "the same beginning of all ", "the same beginning ")
    for end in ("a", "b", "cd")
]
BEGINNING = "a beginning that is much longer than the window "
FREE = {"temperature": None, "logit_bias": None}


@pytest.fixture(scope="module", params=MEMORIES, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture(scope="module")
def model(path):
    """The model by itself, in the tests' own thread."""
    with loaded(path, Settings(threads=1, context_size=256), keep_going=lambda: True) as model:
        yield model


@pytest.fixture
def is_likeliest(model):
    return partial(alone.is_likeliest, model)


@pytest.fixture
def make(make_tiny, path):
    return partial(make_tiny, path)


async def together(llm, tasks, **params):
    """Return the responses to *tasks*, which are asked at the same time."""
    responses = [None] * len(tasks)

    async def ask(at):
        responses[at] = await llm.agenerate(tasks[at], **params)

    async with anyio.create_task_group() as group:
        for at in range(len(tasks)):
            group.start_soon(ask, at)
    return responses


@pytest.mark.anyio
async def test_calls_one_by_one_and_together_are_answered_as_if_each_were_alone(
    make, is_likeliest, leaks_nothing
):
    llm, engine = make()
    responses = [await llm.agenerate(task) for task in TASKS]
    responses += await together(llm, TASKS)

    assert all(map(is_likeliest, TASKS * 2, responses))
    assert leaks_nothing(engine)


@pytest.mark.anyio
async def test_a_chat_that_grows_goes_on_where_it_was(make, is_likeliest, leaks_nothing):
    llm, engine = make()
    task, cached = BEGINNING, []
    for _ in range(3):
        response = await llm.agenerate(task, max_tokens=8)
        assert is_likeliest(task, response)
        task += response.text + " more"
        cached.append(response.usage.cached_tokens)

    assert 0 == cached[0] < len(BEGINNING) <= cached[1] < cached[2]
    assert leaks_nothing(engine)


@pytest.mark.anyio
async def test_what_is_shared_is_never_what_another_call_has_overwritten(make, is_likeliest, leaks_nothing):
    llm, engine = make(total_context=160, max_sequences=3)
    for number in range(12):
        tasks = [BEGINNING + "x" * number, BEGINNING[: 20 + number], f"{number} something else " * 2]
        assert all(map(is_likeliest, tasks, await together(llm, tasks)))

    assert leaks_nothing(engine)


@pytest.mark.anyio
async def test_calls_that_do_not_fit_beside_each_other_give_way_and_go_on(
    make, is_likeliest, leaks_nothing, monkeypatch
):
    llm, engine = make(total_context=100, max_tokens=40)
    await llm.arun("Hi.")
    gave_way = []
    give_way = engine._schedule._give_way
    monkeypatch.setattr(engine._schedule, "_give_way", lambda call: gave_way.append(call) or give_way(call))
    responses = await together(llm, TASKS)

    assert gave_way
    assert all(map(is_likeliest, TASKS, responses))
    assert leaks_nothing(engine)


class Alone:
    """A model without an engine or a loop: its calls are computed step by step."""

    def __init__(self, model, parameters):
        self._schedule = Schedule(model)
        self._parameters = parameters

    def begin(self, task, *, most=4):
        self._schedule.add(job := Heard(task, {**self._parameters, "max_tokens": most}))
        return job

    def go_on(self, steps=1):
        for _ in range(steps):
            self._schedule.step()

    def finish(self):
        while not self._schedule.is_idle:
            self._schedule.step()

    def answered(self, task):
        job = self.begin(task)
        self.finish()
        return job.answer.response()

    def break_off(self, jobs, monkeypatch):
        """Let all the *jobs* under way be called off amid a step."""
        decode = _context.llama.llama_decode

        def called_off_within(*args):
            for job in jobs:
                job.interrupt.set()
            return decode(*args)

        monkeypatch.setattr(_context.llama, "llama_decode", called_off_within)
        self.go_on()
        monkeypatch.undo()
        self.finish()


def test_a_step_that_is_broken_off_spoils_nothing_of_what_is_kept(
    path, is_likeliest, tiny_parameters, monkeypatch
):
    """llama.cpp moves states out of others' way: in its books before the step, and within it in fact."""
    asked = Settings(threads=1, context_size=96, batch_size=48, max_sequences=4)
    draw = random.Random(2)
    with loaded(path, asked, keep_going=lambda: True) as model:
        schedule = Alone(model, tiny_parameters)
        for number in range(30):
            for letter in draw.sample("abcd", 3):
                schedule.begin(f"{letter} {number}")
                schedule.go_on(draw.randint(1, 9))
            schedule.finish()
            kept = [bytes(strand.tokens.tolist()).decode() for strand in model.context.memory.kept]
            jobs = [schedule.begin(task + " and", most=20) for task in draw.sample(kept, min(3, len(kept)))]
            schedule.go_on(draw.randint(0, 4))
            schedule.break_off(jobs, monkeypatch)

            for task in kept:
                assert is_likeliest(task + " then", schedule.answered(task + " then"))


@pytest.mark.anyio
async def test_whoever_leaves_at_any_point_disturbs_nobody(make, is_likeliest, leaks_nothing):
    llm, engine = make(total_context=200, max_sequences=4)
    responses = {}

    async def ask(task):
        responses[task] = await llm.agenerate(task)

    async def leave(after):
        with anyio.move_on_after(after):
            await llm.arun(BEGINNING, max_tokens=30)

    async with anyio.create_task_group() as group:
        for at, task in enumerate(TASKS * 3):
            group.start_soon(ask, f"{at} {task}")
            group.start_soon(leave, at / 1000)

    assert all(is_likeliest(task, response) for task, response in responses.items())
    assert leaks_nothing(engine)


@pytest.mark.anyio
async def test_several_answers_to_the_same_prompt_are_the_same_where_none_is_drawn(
    make, is_likeliest, leaks_nothing
):
    llm, engine = make()
    response = await llm.agenerate(BEGINNING, num_return_sequences=4)

    assert len(response.texts) == 4
    assert len(set(response.texts)) == 1
    assert is_likeliest(BEGINNING, response)
    assert leaks_nothing(engine)


@pytest.mark.anyio
async def test_beams_fork_and_find_what_a_search_finds_that_reads_each_anew(make, model, leaks_nothing):
    llm, engine = make(**FREE, max_tokens=12)
    options = {"num_beams": 3, "num_return_sequences": 3}
    tasks = ["hello", BEGINNING]
    responses = await together(llm, [*tasks, "and a plain call beside them"] * 2, **options)
    expected = [
        told([(tokens, None) for tokens in alone.searched(model, task, options, 12)], {END}) for task in tasks
    ]

    for response, wanted in zip((*responses[:2], *responses[3:5]), expected * 2, strict=True):
        assert sorted(found(response)) == sorted(wanted)
    assert leaks_nothing(engine)


@pytest.mark.anyio
async def test_what_was_read_is_saved_and_taken_up_by_a_fresh_engine(make, path, is_likeliest, leaks_nothing):
    task = BEGINNING
    _, engine = make()
    request = Request(model=str(engine._path), messages=(Message("user", task),), options={})
    provider = LlamaCppProvider(threads=1, context_size=96, batch_size=16)
    state = await provider.save_state(request)
    await provider.aclose()
    llm, fresh = make(max_sequences=3)
    request = Request(model=str(fresh._path), messages=(Message("user", task),), options={})
    provider = LlamaCppProvider(threads=1, context_size=96, batch_size=16, max_sequences=3)
    for _ in range(2):
        assert await provider.load_state(request, state) is None
    response = await llm.agenerate(task + " and then")
    await provider.aclose()

    assert fresh is not engine
    assert response.usage.cached_tokens == len(task)
    assert is_likeliest(task + " and then", response)
    assert leaks_nothing(fresh)


def test_what_a_token_takes_is_known_of_a_hybrid_that_begins_with_a_state():
    (hybrid,) = [path for path in MEMORIES if path.stem == "lfm2"]
    with blueprint(hybrid, keep_going=lambda: True) as handle:
        assert Attention().size(heads(handle)) > 0
