"""Conversations say what was said before, and keep what is said."""

import copy
import pickle
import random
import sys
import threading

import anyio
import anyio.from_thread
import pytest

from asyncllm import LLM, BaseLLM, InvalidParameter, InvalidTask, Message, RequestRejected, UnknownParameter
from asyncllm._transcript import Transcript
from asyncllm.rules import Roles
from asyncllm.testing import FakeProvider

ADA = [Message("user", "I am Ada."), Message("assistant", "Hello Ada.")]


def echoing(**settings):
    fake = FakeProvider(reply=lambda request: request.messages[-1].text.upper(), **settings)
    return fake, LLM("m", provider=lambda: fake)


def sent(fake):
    return [[(message.role, message.text) for message in request.messages] for request in fake.requests]


def exchange(task):
    return [Message("user", task), Message("assistant", task.upper())]


def test_messages_stand_before_the_task_with_their_roles():
    fake, llm = echoing()

    assert llm.chat("Who am I?", ADA) == "WHO AM I?"
    assert sent(fake) == [
        [("user", "I am Ada."), ("assistant", "Hello Ada."), ("user", "Who am I?")],
    ]


@pytest.mark.parametrize(
    "history",
    [
        ({"role": "user", "content": "Hi."},),
        Message("user", "Hi."),
        iter([Message("user", "Hi.")]),
        {"role": "user", "content": "Hi."},
    ],
    ids=["mappings", "message", "iterator", "mapping"],
)
def test_a_history_comes_in_all_the_forms_of_a_conversation(history):
    fake, llm = echoing()
    llm.chat("Who?", history=history)

    assert sent(fake) == [[("user", "Hi."), ("user", "Who?")]]


def test_a_text_stands_before_the_task_in_one_message_with_it():
    fake, llm = echoing()
    llm.chat("Who am I?", "I am Ada.")

    assert sent(fake) == [[("user", "I am Ada.\n\nWho am I?")]]
    assert llm.history == [Message("user", "Who am I?"), Message("assistant", "I AM ADA.\n\nWHO AM I?")]


@pytest.mark.parametrize("history", ["", " \n", [], ()])
def test_without_a_history_the_task_goes_alone(history):
    fake, llm = echoing()
    llm.chat("one")
    llm.chat("two", history)

    assert sent(fake) == [[("user", "one")], [("user", "two")]]


def test_what_was_said_goes_along_where_it_is_asked_for():
    fake, llm = echoing()
    llm.chat("one")
    llm.chat("two", history=llm.history)
    llm.chat("three", history=llm.history)

    assert [text for _, text in sent(fake)[-1]] == ["one", "ONE", "two", "TWO", "three"]
    assert llm.history == [*exchange("one"), *exchange("two"), *exchange("three")]


@pytest.mark.parametrize("history", [ADA, "I am Ada."], ids=["messages", "text"])
def test_the_task_is_said_under_its_role_and_what_was_before_is_not(history):
    fake, llm = echoing()
    llm.role = "user"
    llm.chat("Be brief.", history, role="system")

    assert sent(fake)[0][-1] == ("system", "Be brief.")
    assert "system" not in [role for role, _ in sent(fake)[0][:-1]]
    assert llm.history[0] == Message("system", "Be brief.")


def test_a_task_of_several_messages_comes_after_the_history_and_is_kept_whole():
    fake, llm = echoing()
    llm.chat([Message("system", "s"), Message("user", "u")], history=ADA)

    assert [text for _, text in sent(fake)[0]] == ["I am Ada.", "Hello Ada.", "s", "u"]
    assert [message.text for message in llm.history] == ["s", "u", "U"]


def test_a_task_that_can_be_read_only_once_is_read_once():
    fake, llm = echoing()
    llm.chat(iter(ADA[:1]))

    assert sent(fake) == [[("user", "I am Ada.")]]
    assert llm.history == exchange("I am Ada.")


def test_parameters_of_a_call_go_along():
    fake, llm = echoing()
    llm.chat("x", ADA, seed=7)

    assert fake.requests[0].options == {"seed": 7}
    with pytest.raises(UnknownParameter, match="did you mean 'seed'"):
        llm.chat("x", sed=7)
    with pytest.raises(InvalidParameter, match="role"):
        llm.chat("x", role="robot")


@pytest.mark.parametrize("wrong", [5, [1], [""], [{"role": "user"}], [Message("robot", "x")], "half \ud83d"])
def test_what_is_no_history_is_refused_before_anything_is_sent(wrong):
    fake, llm = echoing()

    with pytest.raises(InvalidTask):
        llm.chat("x", history=wrong)
    assert fake.requests == []
    assert llm.history == []


def test_a_task_that_asks_nothing_is_refused_whatever_was_before():
    with pytest.raises(InvalidTask):
        echoing()[1].chat(" ", ADA)


def test_an_llm_is_called_like_a_function():
    fake, llm = echoing()

    assert llm("hello", seed=1) == "HELLO"
    assert fake.requests[0].options == {"seed": 1}
    assert llm.history == []


@pytest.mark.anyio
async def test_a_call_that_fails_appends_nothing():
    def refuse(request):
        raise RequestRejected("no")

    llm = LLM("m", provider=lambda: FakeProvider(reply=refuse))
    with pytest.raises(RequestRejected):
        await llm.achat("x")

    assert llm.history == []


@pytest.mark.anyio
async def test_a_call_that_is_cancelled_appends_nothing():
    llm = LLM("m", provider=lambda: FakeProvider(pause=60))
    with anyio.move_on_after(0.01):
        await llm.achat("x")

    assert llm.history == []


@pytest.mark.anyio
async def test_two_hundred_at_once_leave_each_exchange_whole_and_in_order():
    class Uneven(FakeProvider):
        async def complete(self, request):
            await anyio.sleep(random.random() / 20)
            return await super().complete(request)

    llm = LLM("m", provider=lambda: Uneven(reply=lambda request: request.messages[-1].text.upper()))
    tasks = [f"task {number}" for number in range(200)]
    async with anyio.create_task_group() as group:
        for task in tasks:
            group.start_soon(llm.achat, task, llm.history)

    assert exchanges(llm) == {task: task.upper() for task in tasks}


def test_threads_and_loops_at_once_leave_each_exchange_whole_and_in_order():
    llm = LLM("m", provider=lambda: echoing()[0])

    async def several(thread):
        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(llm.achat, f"loop {thread} {number}")

    def blocking(thread):
        for number in range(10):
            llm.chat(f"blocking {thread} {number}", history=llm.history)

    def looping(thread):
        anyio.run(several, thread, backend=["asyncio", "trio"][thread % 2])

    threads = [
        threading.Thread(target=target, args=(number,))
        for number in range(10)
        for target in (blocking, looping)
    ]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)

    tasks = [f"{kind} {t} {n}" for kind in ("loop", "blocking") for t in range(10) for n in range(10)]
    assert exchanges(llm) == {task: task.upper() for task in tasks}


def exchanges(llm):
    turns = list(llm.history)
    assert [turn.role for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
    answers = {asked.text: answer.text for asked, answer in zip(turns[::2], turns[1::2], strict=True)}
    assert len(answers) == len(turns) // 2
    return answers


@pytest.mark.anyio
async def test_a_history_that_is_sent_is_the_one_of_the_calls_beginning():
    fake, llm = echoing(pause=0.02)
    llm.history = ADA
    async with anyio.create_task_group() as group:
        group.start_soon(llm.achat, "x", llm.history)
        await anyio.sleep(0.005)
        llm.clear_history()

    assert [text for _, text in sent(fake)[0]] == ["I am Ada.", "Hello Ada.", "x"]
    assert llm.history == exchange("x")


def test_a_cleared_history_is_empty_and_what_was_read_of_it_stays():
    _, llm = echoing()
    llm.chat("x")
    before = llm.history
    llm.clear_history()

    assert (llm.history, before) == ([], exchange("x"))


def test_a_history_is_a_list_that_checks_what_is_put_in():
    _, llm = echoing()
    assert llm.history == []
    assert isinstance(llm.history, list)

    llm.history = "hello"
    llm.history.append({"role": "assistant", "content": "b"})
    llm.history += [Message("user", "c")]
    llm.history.insert(0, Message("system", "s"))
    llm.history[1] = {"role": "user", "content": "a"}
    llm.history[3:] = [Message("user", "d")]

    assert [message.text for message in llm.history] == ["s", "a", "b", "d"]
    assert {type(message) for message in llm.history} == {Message}


@pytest.mark.parametrize(
    "put",
    [
        lambda llm: llm.history.append(" "),
        lambda llm: llm.history.append(5),
        lambda llm: llm.history.extend([Message("user", "x"), {"role": "robot", "content": "y"}]),
        lambda llm: llm.history.insert(0, None),
        lambda llm: llm.history.__setitem__(0, b"x"),
        lambda llm: setattr(llm, "history", [5]),
        lambda llm: setattr(llm, "history", 5),
    ],
)
def test_what_is_no_message_does_not_get_into_a_history(put):
    _, llm = echoing()
    llm.history = ADA

    with pytest.raises(InvalidTask):
        put(llm)
    assert llm.history == ADA


def test_a_history_that_is_set_is_a_copy():
    (_, one), (_, other) = echoing(), echoing()
    one.history = other.history
    one.chat("x")

    assert other.history == []


@pytest.mark.parametrize("answer", ["", " \n"])
def test_an_exchange_without_an_answer_in_words_is_not_kept(answer):
    llm = LLM("m", provider=lambda: FakeProvider(reply=answer))

    assert llm.chat("x") == answer
    with llm.chat_stream("x") as stream:
        assert "".join(stream) == answer
    assert llm.history == []


def test_texts_in_a_history_are_the_users_and_none_is_no_history():
    fake, llm = echoing()
    llm.history = ["a", Message("assistant", "b")]
    llm.history.append("c")
    llm.history[0] = "d"
    llm.chat("x", ["y"])
    llm.chat("z", None)

    assert [(turn.role, turn.text) for turn in llm.history[:3]] == [
        ("user", "d"),
        ("assistant", "b"),
        ("user", "c"),
    ]
    assert sent(fake) == [[("user", "y"), ("user", "x")], [("user", "z")]]
    llm.history = None
    assert llm.history == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (5, "a history is a text or a sequence of messages; got int"),
        ([5], "a history is a text or a sequence of messages; it holds a int"),
    ],
)
def test_what_is_no_history_is_refused_in_words_of_histories(wrong, told):
    with pytest.raises(InvalidTask) as refused:
        echoing()[1].history = wrong

    assert str(refused.value) == told


def test_a_task_that_begins_the_answer_is_one_turn_with_it():
    _, llm = echoing()
    llm.chat("The colour is ", role="assistant")
    with llm.chat_stream("red ", role="assistant") as stream:
        assert list(stream)
    llm.chat([Message("user", "Well?"), Message("assistant", "so ")])

    assert [(turn.role, turn.text) for turn in llm.history] == [
        ("assistant", "The colour is THE COLOUR IS "),
        ("assistant", "red RED "),
        ("user", "Well?"),
        ("assistant", "so SO "),
    ]


class OnlyUsers(FakeProvider):
    def rules(self, model, params):
        return {**super().rules(model, params), "role": Roles(("user",), "only users here")}


def test_a_task_is_kept_under_the_role_that_it_was_sent_under():
    llm = LLM("m", role="assistant", provider=OnlyUsers)
    llm.chat("x")
    llm.chat([Message("assistant", "y")])
    with llm.chat_stream("z") as stream:
        assert list(stream)

    assert [turn.role for turn in llm.history] == ["user", "assistant"] + ["assistant"] * 2 + [
        "user",
        "assistant",
    ]


def test_so_it_is_in_a_class_of_ones_own_which_gets_a_plain_text_where_there_is_no_model():
    got = []

    class Wrapping(LLM):
        def run(self, task, **params):
            return super().run(task, **params)

    class Own(BaseLLM):
        def run(self, task, *args, **params):
            got.append((type(task), args))
            return task

    wrapping, own = Wrapping("m", role="system", provider=OnlyUsers), Own("of-nobody", role="system")
    wrapping.chat("x", ADA)
    own.chat("x", ADA, "more")

    assert [turn.role for turn in wrapping.history] == ["user", "assistant"]
    assert [turn.role for turn in own.history] == ["system", "assistant"]
    assert got == [(str, ("more",))]


@pytest.mark.parametrize(
    "call",
    [
        lambda llm: llm.chat("x", "", 5),
        lambda llm: llm("x", 5),
        lambda llm: llm.batch_run(["x"], 5),
    ],
)
def test_what_is_given_without_a_name_is_refused_in_the_callers_words(call):
    fake, llm = echoing()

    with pytest.raises(InvalidParameter, match=r"parameters are given by name.* got 5 without one"):
        call(llm)
    assert fake.requests == []


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda llm: pickle.loads(pickle.dumps(llm))],
    ids=["copy", "deep", "pickle"],
)
def test_a_history_travels_by_value(copied):
    llm = LLM("m", provider=FakeProvider)
    llm.chat("x")
    twin = copied(llm)
    twin.history.append(Message("user", "more"))
    llm.chat("y")

    assert [message.text for message in twin.history] == ["x", "ok", "more"]
    assert [message.text for message in llm.history] == ["x", "ok", "y", "ok"]


def test_a_history_is_not_shown_in_what_an_llm_looks_like():
    _, llm = echoing()
    llm.chat("secret")

    assert "secret" not in repr(llm).lower()


def test_a_transcript_is_a_text_and_travels_with_its_messages():
    transcript = Transcript(tuple(ADA), "Who?")
    arrived = pickle.loads(pickle.dumps(transcript))

    assert transcript == "user: I am Ada.\n\nassistant: Hello Ada.\n\nWho?"
    assert (arrived, arrived.before, arrived.said) == (transcript, tuple(ADA), "Who?")


@pytest.mark.anyio
async def test_a_streamed_answer_comes_in_pieces_and_is_kept_whole():
    fake, llm = echoing()
    async with llm.achat_stream("who am i", ADA, seed=7) as stream:
        pieces = [piece async for piece in stream]
        assert llm.history == []

    assert pieces == ["WHO", " AM", " I"]
    assert [text for _, text in sent(fake)[0]] == ["I am Ada.", "Hello Ada.", "who am i"]
    assert fake.requests[0].options == {"seed": 7}
    assert llm.history == exchange("who am i")
    assert stream.response.text == "WHO AM I"


def test_a_streamed_chat_has_a_twin_and_a_role():
    fake, llm = echoing()
    with llm.chat_stream("be brief", role="system") as stream:
        assert list(stream) == ["BE", " BRIEF"]

    assert sent(fake) == [[("system", "be brief")]]
    assert llm.history == [Message("system", "be brief"), Message("assistant", "BE BRIEF")]


@pytest.mark.anyio
async def test_an_answer_that_is_not_taken_to_its_end_is_not_kept():
    _, llm = echoing(pause=0.01)
    async with llm.achat_stream("one two three") as stream:
        assert await anext(stream) == "ONE"
    with anyio.CancelScope() as scope:
        async with llm.achat_stream("one two three") as stream:
            async for _ in stream:
                scope.cancel()

    assert scope.cancelled_caught
    assert stream.text == "ONE"
    assert llm.history == []


@pytest.mark.anyio
async def test_a_streamed_answer_that_fails_is_not_kept_nor_is_what_a_caller_fails_over():
    _, llm = echoing()
    with pytest.raises(ZeroDivisionError):
        async with llm.achat_stream("x") as stream:
            assert [piece async for piece in stream] == ["X"]
            raise ZeroDivisionError

    def refuse(request):
        raise RequestRejected("no")

    refused = LLM("m", provider=lambda: FakeProvider(reply=refuse))
    with pytest.raises(RequestRejected):
        async with refused.achat_stream("x"):
            raise AssertionError
    assert llm.history == refused.history == []


@pytest.mark.parametrize("wrong", [5, [1]])
def test_a_streamed_chat_refuses_what_is_no_history(wrong):
    fake, llm = echoing()

    with pytest.raises(InvalidTask), llm.chat_stream("x", wrong):
        raise AssertionError
    assert fake.requests == []


@pytest.mark.anyio
async def test_streams_at_once_leave_each_exchange_whole():
    _, llm = echoing()

    async def talk(task):
        async with llm.achat_stream(task, llm.history) as stream:
            async for _ in stream:
                await anyio.sleep(random.random() / 100)

    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(talk, f"a task {number}")

    assert exchanges(llm) == {f"a task {number}": f"A TASK {number}" for number in range(50)}
