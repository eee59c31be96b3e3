"""What counts as a task."""

import pytest

from asyncllm import InvalidTask, LLMError, Message, Text
from asyncllm._prepare import messages_of

USER = Message("user", "hello")


@pytest.mark.parametrize(
    "task",
    [
        "hello",
        USER,
        [USER],
        (USER,),
        {"role": "user", "content": "hello"},
        [{"role": "user", "content": "hello"}],
        (message for message in [USER]),
    ],
    ids=["text", "message", "list", "tuple", "mapping", "list of mappings", "generator"],
)
def test_a_text_a_message_and_a_sequence_of_messages_are_tasks(task):
    assert messages_of(task) == (USER,)


def test_a_conversation_keeps_its_order_and_its_roles():
    task = [Message("system", "s"), {"role": "user", "content": "u"}, Message("assistant", "a"), USER]

    assert [message.role for message in messages_of(task)] == ["system", "user", "assistant", "user"]


@pytest.mark.parametrize(
    "task", ["", " \n\t", [], (), [Message("user", "")], Message("user", " "), Message("user", [])]
)
def test_a_task_without_a_word_is_refused(task):
    with pytest.raises(InvalidTask, match="a task needs a text to ask"):
        messages_of(task)


@pytest.mark.parametrize("task", [None, 5, object(), 1.5])
def test_what_is_neither_a_text_nor_a_sequence_is_refused(task):
    with pytest.raises(InvalidTask, match=f"a text or a sequence of messages; got {type(task).__name__}"):
        messages_of(task)


@pytest.mark.parametrize("task", [[5], ["hello"], b"hello", [None], [[USER]]])
def test_a_sequence_of_something_else_is_refused(task):
    with pytest.raises(InvalidTask, match=r"it holds a (int|str|NoneType|list)"):
        messages_of(task)


@pytest.mark.parametrize(
    "turn",
    [
        {},
        {"role": "user"},
        {"content": "hello"},
        {"role": "user", "content": None},
        {"role": "user", "content": "hello", "name": "Ann"},
    ],
)
def test_a_mapping_that_is_no_message_is_refused(turn):
    for task in (turn, [turn]):
        with pytest.raises(InvalidTask, match="a message has a 'role' and a text as 'content'"):
            messages_of(task)


@pytest.mark.parametrize("role", ["robot", "User", "", None])
def test_a_role_that_nobody_plays_is_refused(role):
    for task in ([{"role": role, "content": "hello"}], Message(role, "hello"), [Message(role, "hello")]):
        with pytest.raises(InvalidTask, match=r"a message's role is one of system, .*assistant"):
            messages_of(task)


@pytest.mark.parametrize("content", [["hello"], [Text("hello"), 5], b"hello"])
def test_a_content_of_other_things_than_parts_is_refused(content):
    with pytest.raises(InvalidTask, match="a text or a sequence of parts"):
        messages_of(Message("user", content))


def test_an_invalid_task_is_a_value_error_and_one_of_ours():
    assert issubclass(InvalidTask, ValueError)
    assert issubclass(InvalidTask, LLMError)


def test_content_can_be_a_list_of_parts_and_the_text_stays_a_text():
    message = Message("user", [Text("hel"), Text("lo")])

    assert message.content == (Text("hel"), Text("lo"))
    assert message.text == "hello"
    assert messages_of(message) == (message,)
    assert hash(message) == hash(Message("user", (Text("hel"), Text("lo"))))
