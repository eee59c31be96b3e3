"""What comes back, in one vocabulary for both vendors."""

import pytest

from asyncllm import LLM, Message, Usage
from asyncllm.testing import Reply, anthropic_answer, anthropic_stream, openai_answer, openai_stream

pytestmark = pytest.mark.anyio

ANSWERS = {"openai": openai_answer, "anthropic": anthropic_answer}
STREAMS = {"openai": openai_stream, "anthropic": anthropic_stream}
MODELS = {"openai": "gpt-4.1", "anthropic": "claude-sonnet-4-6"}
USAGES = {
    "openai": {
        "prompt_tokens": 100,
        "completion_tokens": 30,
        "total_tokens": 130,
        "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": 20},
    },
    "anthropic": {
        "input_tokens": 30,
        "cache_read_input_tokens": 60,
        "cache_creation_input_tokens": 10,
        "output_tokens": 30,
        "output_tokens_details": {"thinking_tokens": 20},
    },
}
CANONICAL = Usage(
    input_tokens=100, output_tokens=30, cached_tokens=60, cache_write_tokens=10, reasoning_tokens=20
)
REQUEST_IDS = {"openai": "req_5f1c8a2be0d94f7c8e6b3a9d10c72e44", "anthropic": "req_011CdZKxWq4CXMnBjSPeCMUj"}


@pytest.fixture(params=ANSWERS)
def provider(request):
    return request.param


@pytest.fixture
async def llm(provider, server, settings_for):
    async with LLM(f"{provider}:{MODELS[provider]}", max_tokens=500, **settings_for(provider, server)) as llm:
        yield llm


async def test_an_answer_is_all_that_the_vendor_said_of_it(llm, provider, server):
    server.reply(ANSWERS[provider]("Red, blue.", usage=USAGES[provider]))

    response = await llm.agenerate("Colours?")

    assert response.text == "Red, blue."
    assert response.texts == ("Red, blue.",)
    assert response.finish_reason == "stop"
    assert response.usage == CANONICAL
    assert response.usage.total_tokens == 130
    assert response.provider == provider
    assert response.model.startswith(MODELS[provider])
    assert response.request_id == REQUEST_IDS[provider]
    assert response.attempts == 1
    assert response.raw["model"] == response.model
    assert response.timing.total > 0
    assert response.timing.first_token is None


async def test_a_stream_gives_the_pieces_and_then_the_same_answer(llm, provider, server):
    server.reply(STREAMS[provider]("Red", ", ", "blue.", usage=USAGES[provider]))

    async with llm.astream("Colours?") as stream:
        pieces = [piece async for piece in stream]

    assert pieces == ["Red", ", ", "blue."]
    assert stream.response.text == "Red, blue."
    assert stream.response.usage == CANONICAL
    assert stream.response.finish_reason == "stop"
    assert stream.response.request_id == REQUEST_IDS[provider]
    assert 0 < stream.response.timing.first_token <= stream.response.timing.total


@pytest.mark.parametrize("chunks", [[1], [2, 3, 5, 7], [10_000]])
async def test_a_stream_may_be_split_anywhere(llm, provider, server, chunks):
    server.reply(STREAMS[provider]("Grün", " и ", "青"), chunks=chunks)

    async with llm.astream("Colours?") as stream:
        pieces = [piece async for piece in stream]

    assert pieces == ["Grün", " и ", "青"]


@pytest.mark.parametrize(
    ("provider", "said", "meant"),
    [
        ("openai", "stop", "stop"),
        ("openai", "length", "length"),
        ("openai", "tool_calls", "tool_calls"),
        ("openai", "content_filter", "content_filter"),
        ("openai", "something new", "unknown"),
        ("anthropic", "end_turn", "stop"),
        ("anthropic", "max_tokens", "length"),
        ("anthropic", "model_context_window_exceeded", "context_length"),
        ("anthropic", "tool_use", "tool_calls"),
        ("anthropic", "pause_turn", "pause"),
        ("anthropic", "refusal", "refusal"),
        ("anthropic", "something new", "unknown"),
    ],
)
async def test_finish_reasons_have_one_vocabulary(llm, provider, server, said, meant):
    keyword = {"openai": "finish_reason", "anthropic": "stop_reason"}[provider]
    server.reply(ANSWERS[provider]("x", **{keyword: said}))
    server.reply(STREAMS[provider]("x", **{keyword: said}))

    response = await llm.agenerate("?")
    async with llm.astream("?") as stream:
        async for _ in stream:
            pass

    assert response.finish_reason == meant
    assert stream.response.finish_reason == meant


async def test_a_refusal_is_the_answer_and_is_called_one(server, settings_for):
    body = openai_answer("").json
    body["choices"][0]["message"] = {"role": "assistant", "content": None, "refusal": "I will not."}
    server.reply(Reply(json=body))

    async with LLM("openai:gpt-4.1", **settings_for("openai", server)) as llm:
        response = await llm.agenerate("?")

    assert (response.text, response.finish_reason) == ("I will not.", "refusal")


async def test_anthropic_says_which_stop_token_matched(server, settings_for):
    server.reply(anthropic_answer("a", stop_reason="stop_sequence", stop_sequence="###"))

    async with LLM("claude-haiku-4-5", max_tokens=9, **settings_for("anthropic", server)) as llm:
        response = await llm.agenerate("?", stop_token="###")

    assert (response.finish_reason, response.matched_stop) == ("stop_sequence", "###")


async def test_stop_tokens_that_the_model_does_not_take_are_cut_here_and_end_the_call(server, settings_for):
    server.reply(openai_stream("Red", ", bl", "ue. And", " more"), hold_after=4)

    async with LLM("openai:gpt-5-mini", stop_token=["ue."], **settings_for("openai", server)) as llm:
        whole = await llm.agenerate("?")
        async with llm.astream("?") as stream:
            pieces = [piece async for piece in stream]

    assert (whole.text, whole.finish_reason, whole.matched_stop) == ("Red, bl", "stop_sequence", "ue.")
    assert "".join(pieces) == "Red, bl"
    assert stream.response.matched_stop == "ue."
    assert server.wait_for_disconnect().body["stream"] is True


async def test_a_server_that_gives_no_finish_reason_but_says_done_has_answered(server):
    reply = openai_stream("Hi", finish_reason=None)
    server.reply(reply)

    async with LLM("openai:local", base_url=server.url + "/v1") as llm, llm.astream("?") as stream:
        assert [piece async for piece in stream] == ["Hi"]

    assert stream.response.finish_reason == "unknown"


async def test_system_messages_go_where_anthropic_wants_them(server, settings_for):
    server.reply(anthropic_answer("ok"))
    talk = [
        Message("system", "Be kind."),
        Message("user", "Hi"),
        Message("assistant", "Yes?"),
        Message("user", "Go on"),
    ]

    async with LLM("claude-haiku-4-5", max_tokens=9, **settings_for("anthropic", server)) as llm:
        await llm.arun(talk, system_prompt="Be brief.")

    body = server.requests[-1].body
    assert body["system"] == "Be brief.\n\nBe kind."
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]


async def test_the_connection_serves_again_after_a_stream(llm, provider, server):
    server.reply(STREAMS[provider]("a"))
    for _ in range(5):
        async with llm.astream("?") as stream:
            async for _ in stream:
                pass

    assert server.connections_seen == 1


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        {"prompt_tokens": None, "input_tokens": None},
        "many",
        [],
        {"prompt_tokens": 1.5, "input_tokens": 1.5},
    ],
    ids=str,
)
async def test_an_answer_whose_usage_says_nothing_is_an_answer_without_usage(llm, provider, server, usage):
    server.reply(json={**ANSWERS[provider]("Red.").json, "usage": usage})

    response = await llm.agenerate("?")

    assert (response.text, response.usage) == ("Red.", None)


@pytest.mark.parametrize(
    ("usage", "meant"),
    [
        (
            {"prompt_tokens": 3.0, "completion_tokens": 2.0, "prompt_tokens_details": None},
            Usage(input_tokens=3, output_tokens=2),
        ),
        ({"prompt_tokens": 3, "completion_tokens": None}, Usage(input_tokens=3, output_tokens=0)),
        ({"completion_tokens": 2}, Usage(input_tokens=0, output_tokens=2)),
        (
            {"prompt_tokens": "3", "completion_tokens": 2, "prompt_tokens_details": {}},
            Usage(input_tokens=3, output_tokens=2),
        ),
    ],
    ids=str,
)
async def test_counts_are_taken_as_far_as_they_are_given(llm, provider, server, usage, meant):
    if provider == "anthropic":
        names = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}
        usage = {names.get(name, name): count for name, count in usage.items()}
    server.reply(json={**ANSWERS[provider]("Red.").json, "usage": usage})

    response = await llm.agenerate("?")

    assert response.usage == meant


async def test_what_an_answer_need_not_have_may_be_null(llm, provider, server):
    message = {"role": None, "content": "Red.", "refusal": None}
    block = {"type": "text", "text": "Red."}
    server.reply(
        json={
            "openai": {"choices": [{"index": None, "message": message, "delta": None}], "model": None},
            "anthropic": {"content": [block, {"type": "new", "text": None}], "model": None, "usage": None},
        }[provider]
    )

    response = await llm.agenerate("?")

    assert (response.text, response.finish_reason, response.usage) == ("Red.", "unknown", None)


async def test_what_a_stream_need_not_have_may_be_null(llm, provider, server):
    nothing = {"choices": None, "message": None, "delta": None, "usage": None, "error": None}
    choice = {"index": None, "message": None, "finish_reason": None}
    text = {"type": "text_delta", "text": "Red."}
    server.reply(
        events={
            "openai": [
                nothing,
                {"choices": [{**choice, "delta": None}]},
                {"choices": [{**choice, "delta": {"content": "Red."}}], "usage": {}},
                "[DONE]",
            ],
            "anthropic": [
                {**nothing, "type": "message_start"},
                {**nothing, "type": "content_block_delta", "index": None},
                {**nothing, "type": "content_block_delta", "delta": text},
                {**nothing, "type": "message_delta", "usage": {}},
                {"type": "message_stop"},
            ],
        }[provider]
    )

    async with llm.astream("?") as stream:
        assert [piece async for piece in stream] == ["Red."]

    assert (stream.response.finish_reason, stream.response.usage) == ("unknown", None)


@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_a_text_in_parts_is_joined(server, settings_for, stream):
    parts = [{"type": "text", "text": "Red"}, {"type": "thinking"}, {"type": "text", "text": "."}]
    choice = {"message": {"content": parts}, "delta": {"content": parts}, "finish_reason": "stop"}
    body = {"choices": [choice]}
    server.reply(Reply(events=[body, "[DONE]"]) if stream else Reply(json=body))

    async with LLM("openai:gpt-4.1", **settings_for("openai", server)) as llm:
        if stream:
            async with llm.astream("?") as pieces:
                text = "".join([piece async for piece in pieces])
        else:
            text = await llm.arun("?")

    assert text == "Red."


async def test_a_whole_answer_where_a_stream_was_asked_for_is_the_answer(llm, provider, server):
    server.reply(ANSWERS[provider]("Red, blue.", usage=USAGES[provider]))

    async with llm.astream("?") as stream:
        pieces = [piece async for piece in stream]

    assert pieces == ["Red, blue."]
    assert stream.response.finish_reason == "stop"
    assert stream.response.usage == CANONICAL
    assert stream.response.request_id == REQUEST_IDS[provider]


@pytest.mark.parametrize(
    ("provider", "name", "like"),
    [
        ("openai", "GPT-4.1", "gpt-4.1"),
        ("openai", "ft:gpt-4.1-mini:org::id", "gpt-4.1"),
        ("openai", "ft:gpt-5:org::id", "gpt-5"),
        ("openai", "openai/gpt-4.1", "gpt-4.1"),
        ("openai", "openrouter/openai/o3", "o3"),
        ("anthropic", "Claude-Opus-4-5", "claude-opus-4-5"),
        ("anthropic", "anthropic/claude-opus-4-5", "claude-opus-4-5"),
    ],
)
async def test_a_model_is_known_however_its_name_is_dressed(provider, name, like, server, settings_for):
    server.reply(ANSWERS[provider]("ok"))
    asked = {"temperature": 0.5, "reasoning_effort": "high", "stop_token": "#", "max_tokens": 40}

    bodies = []
    for model in (name, like):
        async with LLM(f"{provider}:{model}", **settings_for(provider, server)) as llm:
            with_adjustments = await llm.agenerate("?", **asked)
        bodies.append((server.requests[-1].body | {"model": ""}, with_adjustments.adjustments))

    assert server.requests[0].body["model"] == name
    assert bodies[0] == bodies[1]


async def test_many_calls_at_once_share_one_pool_across_providers(server, settings_for):
    answers = {"/v1/chat/completions": openai_answer("ok"), "/v1/messages": anthropic_answer("ok")}
    server.reply(lambda request: answers[request.path])

    async with (
        LLM("openai:gpt-4.1", **settings_for("openai", server)) as one,
        LLM("claude-haiku-4-5", max_tokens=9, **settings_for("anthropic", server)) as other,
    ):
        assert await one.abatch_run(["?"] * 40, max_concurrency=20) == ["ok"] * 40
        seen = server.connections_seen
        assert await other.abatch_run(["?"] * 40, max_concurrency=20) == ["ok"] * 40

    assert seen <= 20
    assert server.connections_seen == seen
