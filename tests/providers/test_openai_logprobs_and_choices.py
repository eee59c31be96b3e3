"""Several answers to one call, and how likely their tokens were, in Chat Completions."""

import pytest

from asyncllm import LLM, IncompleteResponse, Retry
from asyncllm.testing import Reply, openai_answer, openai_stream

pytestmark = pytest.mark.anyio

WORDS = [
    {"token": "Red", "logprob": -0.1, "bytes": [], "top_logprobs": [{"token": "Red", "logprob": -0.1}]},
    {"token": ".", "logprob": -0.2, "bytes": [], "top_logprobs": []},
]


@pytest.fixture
async def llm(server, settings_for):
    async with LLM("openai:gpt-4.1", retry=Retry(attempts=1), **settings_for("openai", server)) as llm:
        yield llm


async def read(stream):
    return "".join([piece async for piece in stream])


async def test_several_answers_come_in_one_call(llm, server):
    server.reply(openai_answer("Red.", "Blue.", "Green."))

    response = await llm.agenerate("?", num_return_sequences=3)

    assert server.requests[0].body["n"] == 3
    assert len(server.requests) == 1
    assert response.texts == ("Red.", "Blue.", "Green.")
    assert response.adjustments == ()


async def test_answers_are_in_the_order_of_their_numbers(llm, server):
    body = openai_answer("Red.", "Blue.").json
    server.reply(Reply(json={**body, "choices": body["choices"][::-1]}))

    response = await llm.agenerate("?", num_return_sequences=2)

    assert response.texts == ("Red.", "Blue.")


async def test_of_several_streamed_answers_the_first_comes_in_pieces_and_all_are_in_the_response(llm, server):
    server.reply(openai_stream("Re", "d.", choices=3))

    async with llm.astream("?", num_return_sequences=3) as stream:
        pieces = [piece async for piece in stream]

    assert pieces == ["Re", "d."]
    assert stream.response.texts == ("Red.", "Red.", "Red.")
    assert len(server.requests) == 1


async def test_stop_tokens_of_ours_end_each_answer_where_it_has_them(llm, server):
    stops = ["a1", "b2", "c3", "d4", "nd"]  # OpenAI takes four of them.
    reply = openai_stream("Red", " a", "nd", " blue", choices=2)
    for event in reply.events:
        if isinstance(event, dict) and event["choices"] and event["choices"][0]["index"] == 1:
            event["choices"] = [dict(event["choices"][0])]
            delta = event["choices"][0]["delta"]
            event["choices"][0]["delta"] = {**delta, "content": delta.get("content", "").upper()}
    server.reply(reply)

    response = await llm.agenerate("?", num_return_sequences=2, stop_token=stops)

    assert response.texts == ("Red a", "RED AND BLUE")
    assert [choice.matched_stop for choice in response.choices] == ["nd", None]
    assert [choice.finish_reason for choice in response.choices] == ["stop_sequence", "stop"]


@pytest.mark.parametrize("kept", [1, 2, 3, 5])
async def test_a_stream_that_ends_before_each_answer_has_is_cut(llm, server, kept):
    # Two choices: a head, a piece and an end of each, and only the first's end comes.
    events = openai_stream("Red.", choices=2).events[:kept]
    first_ends = openai_stream("Red.", choices=2).events[4]
    server.reply(events=[*events, first_ends])

    with pytest.raises(IncompleteResponse):
        async with llm.astream("?", num_return_sequences=2) as stream:
            await read(stream)


@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_tokens_come_with_their_probabilities(llm, server, stream):
    answer, pieces = openai_answer("Red."), openai_stream("Red.")
    answer.json["choices"][0]["logprobs"] = {"content": WORDS, "refusal": None}
    pieces.events[1]["choices"][0]["logprobs"] = {"content": WORDS, "refusal": None}
    server.reply(pieces if stream else answer)

    if stream:
        async with llm.astream("?", logprobs=1) as said:
            await read(said)
        response = said.response
    else:
        response = await llm.agenerate("?", logprobs=1)

    body = server.requests[0].body
    assert (body["logprobs"], body["top_logprobs"]) == (True, 1)
    first, second = response.choices[0].logprobs
    assert (first.token, first.logprob, first.likeliest) == ("Red", -0.1, (("Red", -0.1),))
    assert (second.token, second.likeliest) == (".", ())


@pytest.mark.parametrize(
    "logprobs", [None, {}, {"content": None}, {"content": [{}]}, "many", {"content": "x"}], ids=str
)
async def test_an_answer_without_readable_probabilities_is_an_answer_without_them(llm, server, logprobs):
    reply = openai_answer("Red.")
    reply.json["choices"][0]["logprobs"] = logprobs
    server.reply(reply)

    response = await llm.agenerate("?", logprobs=0)

    assert (response.text, response.choices[0].logprobs) == ("Red.", ())


async def test_a_streamed_refusal_is_called_one(llm, server):
    reply = openai_stream("", "")
    reply.events[1]["choices"][0]["delta"] = {"refusal": "I will"}
    reply.events[2]["choices"][0]["delta"] = {"refusal": " not."}
    server.reply(reply)

    async with llm.astream("?") as stream:
        text = await read(stream)

    assert (text, stream.response.finish_reason) == ("I will not.", "refusal")
