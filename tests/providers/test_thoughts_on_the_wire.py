"""What a model thought, as each vendor's server tells it."""

import pytest

from asyncllm import LLM, Retry
from asyncllm.testing import (
    Reply,
    anthropic_answer,
    anthropic_stream,
    ollama_answer,
    ollama_stream,
    openai_answer,
    openai_stream,
    responses_answer,
    responses_stream,
)

pytestmark = pytest.mark.anyio

FIRST, SECOND = "They greet me.", "So do I."
BOTH = f"{FIRST}\n\n{SECOND}"

OPENAI = {"model": "openai:some-model", "path": "/v1"}
SERVERS = {
    "chat": {**OPENAI, "model": "openai:gpt-4.1", "api": "chat", "dialect": "openai"},
    "vllm": {**OPENAI, "dialect": "vllm"},
    "llama-server": {**OPENAI, "dialect": "llama-server"},
    "openrouter": {**OPENAI, "dialect": "openrouter"},
    "responses": {**OPENAI, "api": "responses", "dialect": "openai"},
    "anthropic": {"model": "anthropic:claude-opus-4-6"},
    "ollama": {"model": "ollama:qwen3"},
}


def llm_at(server, name):
    settings = dict(SERVERS[name])
    model, path = settings.pop("model"), settings.pop("path", "")
    return LLM(model, base_url=server.url + path, api_key="k", retry=Retry(attempts=1), **settings)


async def told(server, name, whole, streamed):
    """Return what a whole answer and a stream tell: text and reasoning, which have to be the same."""
    server.reply(lambda request: streamed if request.body.get("stream") else whole)
    async with llm_at(server, name) as llm:
        response = await llm.agenerate("Hi")
        async with llm.astream("Hi") as stream:
            thoughts = [piece async for piece in stream.reasoning_pieces()]
            pieces = [piece async for piece in stream]

    assert ("".join(pieces), stream.reasoning) == (response.text, response.reasoning)
    assert (stream.response.text, stream.response.reasoning) == (response.text, response.reasoning)
    assert "".join(thoughts) == stream.reasoning
    return response.text, response.reasoning


def chunks(*deltas, finish_reason="stop"):
    """Return the stream of a server that speaks Chat Completions, as *deltas* say."""
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {"content": ""}, "finish_reason": finish_reason})
    events = [{"object": "chat.completion.chunk", "model": "m", "choices": [choice]} for choice in choices]
    return Reply(events=[*events, "[DONE]"])


def message(**said):
    choice = {"index": 0, "message": {"role": "assistant", **said}, "finish_reason": "stop"}
    return Reply(json={"object": "chat.completion", "model": "m", "choices": [choice]})


@pytest.mark.parametrize(
    ("name", "thought"),
    [
        ("llama-server", lambda text: {"reasoning_content": text}),
        ("vllm", lambda text: {"reasoning": text}),
        ("vllm", lambda text: {"reasoning": text, "reasoning_content": text}),
        ("chat", lambda text: {"reasoning_content": text}),
        (
            "openrouter",
            lambda text: {
                "reasoning": text,
                "reasoning_details": [{"type": "reasoning.text", "text": text, "format": "unknown"}],
            },
        ),
    ],
)
async def test_servers_that_speak_chat_completions_tell_it_under_a_name_or_two(server, name, thought):
    whole = message(content="Hello.", **thought(FIRST + " " + SECOND))
    streamed = chunks(
        {"role": "assistant", "content": None},
        {"content": None, **thought(FIRST)},
        {"content": "", **thought(" " + SECOND)},
        {"content": "Hel"},
        {"content": "lo.", "reasoning_content": None},
    )

    assert await told(server, name, whole, streamed) == ("Hello.", f"{FIRST} {SECOND}")


@pytest.mark.parametrize("odd", [5, ["Hm."], {"text": "Hm."}, None])
async def test_thoughts_that_are_no_text_do_not_cost_the_answer(server, odd):
    whole = message(content="Hello.", reasoning=odd, reasoning_content=odd)
    streamed = chunks({"reasoning": odd, "reasoning_content": odd}, {"content": "Hello."})

    assert await told(server, "chat", whole, streamed) == ("Hello.", "")


async def test_an_answer_that_is_cut_among_the_thoughts_keeps_them(server):
    server.reply(chunks({"reasoning_content": FIRST}, finish_reason="length"))
    async with llm_at(server, "llama-server") as llm:
        response = await llm.agenerate("Hi", max_tokens=3)

    assert (response.text, response.reasoning, response.finish_reason) == ("", FIRST, "length")


async def test_each_of_several_answers_has_its_own(server):
    server.reply(openai_answer("one", "two", reasoning=FIRST))
    server.reply(openai_stream("one", choices=2, reasoning=FIRST))
    async with llm_at(server, "chat") as llm:
        whole = await llm.agenerate("Hi", num_return_sequences=2)
    async with llm_at(server, "vllm") as llm:
        streamed = await llm.agenerate("Hi", num_return_sequences=2)

    for response in (whole, streamed):
        assert [choice.reasoning for choice in response.choices] == [FIRST, FIRST]


async def test_the_ready_made_replies_tell_it(server):
    replies = openai_answer("Hello.", reasoning=FIRST), openai_stream("Hel", "lo.", reasoning=FIRST)

    assert await told(server, "chat", *replies) == ("Hello.", FIRST)


def reasoning(*, summary=(), content=()):
    return {
        "id": "rs_1",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text} for text in summary],
        "content": [{"type": "reasoning_text", "text": text} for text in content],
        "encrypted_content": "gAAAAAB",
    }


@pytest.mark.parametrize(
    ("items", "thought"),
    [
        ([reasoning(summary=[FIRST])], FIRST),
        ([reasoning(summary=[FIRST, SECOND])], BOTH),
        ([reasoning(content=[FIRST])], FIRST),
        ([reasoning(summary=[FIRST]), {**reasoning(content=[SECOND]), "id": "rs_2"}], BOTH),
        ([reasoning()], ""),
        ([], ""),
    ],
)
async def test_the_responses_api_tells_a_summary_or_the_thoughts_themselves(server, items, thought):
    replies = responses_answer("Hello.", before=items), responses_stream("Hel", "lo.", before=items)

    assert await told(server, "responses", *replies) == ("Hello.", thought)


async def test_thoughts_that_a_gateway_tells_only_at_the_end_are_told(server):
    streamed = responses_stream("Hello.", before=[reasoning(summary=[FIRST])])
    server.reply(Reply(events=[event for event in streamed.events if "reasoning" not in event[0]]))
    async with llm_at(server, "responses") as llm, llm.astream("Hi") as stream:
        assert [piece async for piece in stream] == ["Hello."]

    assert stream.response.reasoning == FIRST


@pytest.mark.parametrize("odd", [5, "Hm.", {"text": 5}, [5], None])
async def test_reasoning_items_of_another_shape_do_not_cost_the_answer(server, odd):
    item = {"id": "rs_1", "type": "reasoning", "summary": odd, "content": odd}
    server.reply(responses_answer("Hello.", before=[item]))
    async with llm_at(server, "responses") as llm:
        response = await llm.agenerate("Hi")

    assert (response.text, response.reasoning) == ("Hello.", "")


def block_events(index, block):
    """Return the events with which Anthropic streams *block*, in halves."""
    text = block.get("thinking", block.get("text", ""))
    halves = (text[: len(text) // 2], text[len(text) // 2 :])
    deltas = {
        "thinking": [
            *({"type": "thinking_delta", "thinking": half} for half in halves),
            {"type": "signature_delta", "signature": "EqQB"},
        ],
        "text": [{"type": "text_delta", "text": half} for half in halves],
    }.get(block["type"], [])
    empty = {key: value if key in {"type", "data"} else "" for key, value in block.items()}
    told = [
        ("content_block_start", {"content_block": empty}),
        *(("content_block_delta", {"delta": delta}) for delta in deltas),
        ("content_block_stop", {}),
    ]
    return [(kind, {"type": kind, "index": index, **event}) for kind, event in told]


async def test_claude_tells_it_in_blocks_of_which_redacted_ones_say_nothing(server):
    blocks = [
        {"type": "thinking", "thinking": FIRST, "signature": "EqQB"},
        {"type": "redacted_thinking", "data": "EmwKAhgB"},
        {"type": "thinking", "thinking": "", "signature": "EqQB"},
        {"type": "thinking", "thinking": SECOND, "signature": "EqQB"},
        {"type": "text", "text": "Hello."},
    ]
    whole = anthropic_answer("Hello.")
    whole.json["content"] = blocks
    begun, *_, delta, end = anthropic_stream("Hello.").events
    events = [event for index, block in enumerate(blocks) for event in block_events(index, block)]
    streamed = Reply(events=[begun, *events, delta, end])

    assert await told(server, "anthropic", whole, streamed) == ("Hello.", BOTH)


async def test_ollama_tells_it_beside_the_content(server):
    replies = ollama_answer("Hello.", thinking=FIRST), ollama_stream("Hel", "lo.", thinking=FIRST)

    assert await told(server, "ollama", *replies) == ("Hello.", FIRST)


@pytest.mark.parametrize("name", SERVERS)
async def test_nothing_is_asked_for_that_nobody_asked_for(server, name):
    replies = {
        "responses": (responses_answer("ok"), responses_stream("ok")),
        "anthropic": (anthropic_answer("ok"), anthropic_stream("ok")),
        "ollama": (ollama_answer("ok"), ollama_stream("ok")),
    }.get(name, (openai_answer("ok"), openai_stream("ok")))
    await told(server, name, *replies)

    asked = [set(request.body) for request in server.requests]
    assert not any(keys & {"reasoning", "think", "thinking", "include", "reasoning_effort"} for keys in asked)
