"""Every way to ask: one task or many, blocking or not."""

import functools

import anyio
import anyio.to_thread
import pytest

from asyncllm import LLM, InvalidTask, Message

TASK = "Name a colour."
TASKS = ["Name a colour.", "Count: one one one"]


def check_answers(subject, llm, tasks, texts):
    """Hold that *texts* are the model's answers to *tasks*, each in its place, and nothing else was asked."""
    metrics = llm.metrics()
    assert metrics.calls == len(tasks)
    if subject.is_local:
        assert metrics.usage.output_tokens > len(tasks)
        assert texts == [llm.generate(task).text for task in tasks]
        assert len(set(texts)) == len(set(tasks))
    else:
        assert texts == [f"You said: {task}" for task in tasks]
        assert len(subject.bodies) == len(tasks)


def cold(subject):
    """Make the local model say the same each time: what is computed together may differ in its last bits."""
    alone = {"seed": 7, "max_sequences": 1} if subject.is_local else {}
    return subject.make(temperature=0, **alone)


def test_run_answers(subject):
    with cold(subject) as llm:
        check_answers(subject, llm, [TASK], [llm.run(TASK)])
        assert llm.run(task=TASK) == llm.run(TASK)


@pytest.mark.anyio
async def test_arun_answers_and_other_calls_run_beside_it(subject):
    texts = {}

    async def ask(llm, task):
        texts[task] = await llm.arun(task)

    async with cold(subject) as llm:
        async with anyio.create_task_group() as group:
            for task in TASKS:
                group.start_soon(ask, llm, task)
        await anyio.to_thread.run_sync(check_answers, subject, llm, TASKS, [texts[task] for task in TASKS])


def test_batch_run_answers_in_order(subject):
    with cold(subject) as llm:
        texts = llm.batch_run(TASKS)

        assert isinstance(texts, list)
        check_answers(subject, llm, TASKS, texts)
        assert llm.batch_run(tasks=TASKS[:1]) == texts[:1]


@pytest.mark.anyio
async def test_abatch_run_answers_in_order(subject):
    async with cold(subject) as llm:
        texts = await llm.abatch_run(TASKS, max_concurrency=3)
        await anyio.to_thread.run_sync(check_answers, subject, llm, TASKS, texts)
        assert await llm.abatch_run([]) == []


def test_an_llm_is_called_like_a_function(subject):
    with cold(subject) as llm:
        assert llm(TASK) == llm.run(TASK)
        assert llm(task=TASK, max_tokens=1)


@pytest.mark.parametrize("method", ["run", "__call__", "chat", "batch_run"])
def test_parameters_of_a_blocking_call_reach_the_model(subject, method):
    with subject.make() as llm:
        getattr(llm, method)([TASK] if method == "batch_run" else TASK, max_tokens=1)
        check_limit(subject, llm)


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["arun", "achat", "abatch_run"])
async def test_parameters_of_an_asynchronous_call_reach_the_model(subject, method):
    async with subject.make() as llm:
        await getattr(llm, method)([TASK] if method == "abatch_run" else TASK, max_tokens=1)
        check_limit(subject, llm)


def check_limit(subject, llm):
    """Hold that the one call so far was limited to one token."""
    if subject.is_local:
        assert llm.metrics().usage.output_tokens == 1
    else:
        (body,) = subject.bodies
        assert (body.get("max_tokens") or body.get("max_completion_tokens")) == 1


def test_a_task_may_be_a_conversation(subject):
    turns = [Message("user", "My name is Ada."), Message("assistant", "Hi."), Message("user", "Who am I?")]
    with subject.make() as llm:
        alone = llm.generate(turns[-1].text, max_tokens=1).usage.input_tokens
        whole = llm.generate(turns, max_tokens=1).usage.input_tokens

    if subject.is_local:
        assert whole > alone
    else:
        assert [turn["role"] for turn in subject.bodies[-1]["messages"]] == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    "ask",
    [LLM.run, LLM.__call__, LLM.chat, lambda llm, task: llm.batch_run([task])],
    ids=["run", "call", "chat", "batch_run"],
)
@pytest.mark.parametrize("task", [None, "", " \n", 5], ids=["none", "empty", "blank", "number"])
def test_what_asks_nothing_is_refused_before_anything_is_sent(subject, ask, task):
    with pytest.raises(InvalidTask, match=r"a task (is a text|needs a text)"):
        ask(subject.make(), task)

    assert subject.bodies == []


@pytest.mark.parametrize("tasks", ["one task", Message("user", "one task"), None, 5])
def test_a_batch_of_no_several_tasks_is_refused(subject, tasks):
    with pytest.raises(InvalidTask, match="tasks is an iterable of tasks"):
        subject.make().batch_run(tasks)

    assert subject.bodies == []


def test_every_blocking_method_works_where_an_event_loop_runs(subject):
    async def within(llm):
        return [llm.run(TASK), *llm.batch_run([TASK]), llm(TASK), llm.chat(TASK)]

    with cold(subject) as llm:
        texts = anyio.run(functools.partial(within, llm))

    assert len(set(texts)) == 1
    assert len(texts) == 4
