"""What was said before goes along where it is given, and what is said is kept."""

import anyio
import pytest

from asyncllm import InvalidTask, Message

ADA = [Message("user", "I am Ada."), Message("assistant", "Hello Ada.")]


@pytest.mark.parametrize("history", ["I am Ada.", ADA], ids=["text", "messages"])
def test_chat_says_the_history_before_the_task(subject, history):
    with subject.make() as llm:
        text = llm.chat("Who am I?", history)
        asked = llm.metrics().usage.input_tokens
        llm.chat("Who am I?")
        alone = llm.metrics().usage.input_tokens - asked

    assert type(text) is str
    if subject.is_local:
        assert asked > alone
    else:
        texts = said(subject.bodies[0])
        assert texts.index("I am Ada.") < texts.index("Who am I?")
        assert "I am Ada." not in said(subject.bodies[1])


def said(body):
    return "\n".join(
        turn["content"]
        if isinstance(turn["content"], str)
        else "".join(block["text"] for block in turn["content"])
        for turn in body["messages"]
    )


@pytest.mark.anyio
async def test_achat_keeps_what_was_said(subject):
    async with subject.make() as llm:
        first = await llm.achat("I am Ada.")
        second = await llm.achat(task="Who am I?", history=llm.history)

        assert llm.history == [
            Message("user", "I am Ada."),
            Message("assistant", first),
            Message("user", "Who am I?"),
            Message("assistant", second),
        ]
    if not subject.is_local:
        assert [turn["role"] for turn in subject.bodies[1]["messages"]] == ["user", "assistant", "user"]


def test_history_is_a_list_that_can_be_read_and_set(subject):
    llm = subject.make()
    assert isinstance(llm.history, list)
    assert llm.history == []

    llm.history = ADA
    llm.history.append({"role": "user", "content": "Who?"})
    assert [turn.text for turn in llm.history] == ["I am Ada.", "Hello Ada.", "Who?"]
    with pytest.raises(InvalidTask):
        llm.history = 5
    with pytest.raises(InvalidTask):
        llm.history.append(5)
    assert len(llm.history) == 3


def test_clear_history_forgets_what_was_said(subject):
    with subject.make() as llm:
        llm.chat("I am Ada.", max_tokens=1)
        before = llm.history
        llm.clear_history()

        assert llm.history == []
        assert len(before) == 2
        llm.chat("Who am I?", history=llm.history, max_tokens=1)
        assert [turn.text for turn in llm.history][:1] == ["Who am I?"]
    if not subject.is_local:
        assert said(subject.bodies[-1]) == "Who am I?"


@pytest.mark.anyio
async def test_many_at_once_leave_each_exchange_whole(subject):
    tasks = [f"Say {number}." for number in range(4 if subject.is_local else 50)]
    async with subject.make(max_tokens=1) as llm:
        async with anyio.create_task_group() as group:
            for task in tasks:
                group.start_soon(llm.achat, task)
        turns = llm.history

    assert [turn.role for turn in turns] == ["user", "assistant"] * len(tasks)
    assert sorted(turn.text for turn in turns[::2]) == sorted(tasks)
    if not subject.is_local:
        assert all(
            answer.text == f"You said: {asked.text}"
            for asked, answer in zip(turns[::2], turns[1::2], strict=True)
        )


def test_the_task_is_kept_under_the_role_that_said_it(subject):
    with subject.make(max_tokens=1, role="system") as llm:
        llm.chat("One, two,")
        role = "user" if subject.name == "anthropic" else "system"

        assert llm.history[0] == Message(role, "One, two,")


def test_a_task_that_begins_the_answer_is_one_turn_with_it(subject):
    with subject.make(max_tokens=1, role="assistant") as llm:
        answer = llm.chat("One, two,")
        both = [Message("user", "One, two,"), Message("assistant", answer)]

        assert llm.history == ([Message("assistant", "One, two," + answer)] if subject.is_local else both)
