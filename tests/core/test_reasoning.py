"""What a model thinks is kept apart from what it answers."""

import json
import pickle
from contextlib import asynccontextmanager

import anyio
import pytest

from asyncllm import LLM, IncompleteResponse, Retry, Unavailable
from asyncllm.provider import Choice, Delta, Provider, Response
from asyncllm.rules import StopTokens
from asyncllm.testing import FakeProvider

THOUGHT = "They greet me."


def thinking(reply="Hello to you.", **settings):
    return LLM("m", provider=lambda: FakeProvider(reply=reply, reasoning=THOUGHT), **settings)


class Scripted(Provider):
    """Streams what the scripts say, one script a call: events, an error to raise, or what to await."""

    def __init__(self, *scripts):
        self.scripts = list(scripts)

    def rules(self, model, params):
        return {"stop_token": StopTokens()}

    @asynccontextmanager
    async def stream(self, request):
        yield self.deltas(self.scripts.pop(0))

    async def deltas(self, script):
        for event in script:
            if isinstance(event, Exception):
                raise event
            if isinstance(event, Delta):
                yield event
            else:
                await event()


def streaming(*scripts):
    provider = Scripted(*scripts)
    return LLM("m", provider=lambda: provider, retry=Retry(wait_initial=0))


HM, AH, YES = Delta(reasoning="Hm."), Delta(reasoning=" Ah."), Delta(text="Yes.")
END = Delta(finish_reason="stop")


@pytest.mark.anyio
async def test_a_response_holds_what_was_thought_apart_from_the_text():
    response = await thinking().agenerate("Hi")

    assert (response.text, response.reasoning) == ("Hello to you.", THOUGHT)
    assert (response.usage.output_tokens, response.usage.reasoning_tokens) == (6, 3)


@pytest.mark.anyio
async def test_without_thoughts_there_is_no_reasoning():
    response = await streaming([YES, END]).agenerate("Hi")

    assert (response.text, response.reasoning) == ("Yes.", "")


def test_the_repr_of_a_response_is_not_filled_with_thoughts():
    response = Response(choices=(Choice(text="Yes.", reasoning="Hm."),))

    assert "Hm." not in repr(response)
    assert pickle.loads(pickle.dumps(response)).reasoning == "Hm."
    assert response != Response(choices=(Choice(text="Yes."),))


@pytest.mark.anyio
async def test_each_of_several_answers_has_its_own_thoughts():
    said = [
        Delta(reasoning="one", index=0),
        Delta(reasoning="two", index=1),
        Delta(text="1", index=0, finish_reason="stop"),
        Delta(text="2", index=1, finish_reason="stop"),
    ]
    both = await streaming(said).agenerate("Hi")
    asked_twice = await thinking().agenerate("Hi", num_return_sequences=2)

    assert [(each.text, each.reasoning) for each in both.choices] == [("1", "one"), ("2", "two")]
    assert [each.reasoning for each in asked_twice.choices] == [THOUGHT] * 2


@pytest.mark.anyio
async def test_a_stream_yields_the_answer_only_and_has_the_thoughts_besides():
    async with thinking().astream("Hi") as stream:
        pieces = [piece async for piece in stream]

    assert pieces == ["Hello", " to", " you."]
    assert stream.reasoning == stream.response.reasoning == THOUGHT


@pytest.mark.anyio
async def test_thoughts_can_be_taken_as_they_come_before_the_answer():
    go_on = anyio.Event()
    async with streaming([HM, go_on.wait, AH, YES, END]).astream("Hi") as stream:
        thoughts = stream.reasoning_pieces()
        assert await anext(thoughts) == "Hm."
        assert (stream.reasoning, stream.text) == ("Hm.", "")
        go_on.set()
        assert [piece async for piece in thoughts] == [" Ah."]
        assert [piece async for piece in stream] == ["Yes."]

    assert stream.response.reasoning == "Hm. Ah."


@pytest.mark.anyio
@pytest.mark.parametrize("script", [[YES, END], [END], [HM, END]])
async def test_taking_thoughts_ends_where_there_are_no_more(script):
    async with streaming(script).astream("Hi") as stream:
        thoughts = [piece async for piece in stream.reasoning_pieces()]
        pieces = [piece async for piece in stream]

    assert "".join(thoughts) == "".join(delta.reasoning for delta in script)
    assert "".join(pieces) == "".join(delta.text for delta in script)


@pytest.mark.anyio
async def test_thoughts_amid_the_answer_are_part_of_the_reasoning():
    async with streaming([HM, YES, AH, Delta(text=" No."), END]).astream("Hi") as stream:
        pieces = [piece async for piece in stream]

    assert (pieces, stream.reasoning) == (["Yes.", " No."], "Hm. Ah.")


@pytest.mark.anyio
async def test_what_fails_before_anything_was_thought_is_asked_again_and_afterwards_not():
    assert await streaming([Unavailable("no")], [HM, YES, END]).arun("Hi") == "Yes."
    async with streaming([Unavailable("no")], [HM, YES, END]).astream("Hi") as stream:
        assert [piece async for piece in stream] == ["Yes."]

    with pytest.raises(Unavailable):
        async with streaming([HM, Unavailable("no")], [YES, END]).astream("Hi") as stream:
            assert [piece async for piece in stream.reasoning_pieces()] == []


@pytest.mark.anyio
async def test_a_call_that_is_cut_among_the_thoughts_is_no_answer():
    with pytest.raises(IncompleteResponse):
        async with streaming([HM]).astream("Hi") as stream:
            async for _ in stream:
                pass
    assert stream.response.reasoning == "Hm."


@pytest.mark.anyio
async def test_thoughts_are_searched_for_no_stop_token_and_end_with_the_answer():
    said = [Delta(reasoning="Stop?"), Delta(text="Go. Stop."), AH, END]
    response = await streaming(said).agenerate("Hi", stop_token="Stop")

    assert (response.text, response.reasoning) == ("Go. ", "Stop?")


def test_synchronous_code_takes_thoughts_too():
    with thinking().stream("Hi") as stream:
        thoughts, pieces = list(stream.reasoning_pieces()), list(stream)
        assert list(stream.reasoning_pieces()) == []
    with thinking().stream("Hi") as unread:
        assert list(unread) == pieces

    assert ("".join(thoughts), "".join(pieces)) == (THOUGHT, "Hello to you.")
    assert stream.reasoning == unread.reasoning == unread.response.reasoning == THOUGHT


def test_synchronous_code_hears_of_what_fails_among_the_thoughts():
    with (
        pytest.raises(Unavailable),
        streaming([HM, Unavailable("no")]).stream("Hi") as stream,
    ):
        list(stream.reasoning_pieces())


def test_a_history_and_a_checkpoint_hold_no_thoughts(tmp_path):
    llm = thinking()
    llm.chat("Hi")
    with llm.chat_stream("Hi", llm.history) as stream:
        list(stream)
    path = llm.save_checkpoint(tmp_path / "talk.json")

    assert [message.text for message in llm.history] == ["Hi", "Hello to you."] * 2
    assert THOUGHT not in path.read_text()


@pytest.mark.parametrize("log_content", [True, False])
def test_thoughts_are_logged_where_answers_are(tmp_path, log_content):
    path = tmp_path / "model.log"
    llm = thinking().enable_logging(path, log_content=log_content)
    llm.run("Hi")
    line = json.loads(path.read_text().splitlines()[-1])

    assert line.get("reasoning") == ([THOUGHT] if log_content else None)
    assert (THOUGHT in path.read_text()) is log_content
