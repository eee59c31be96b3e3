"""The official SDKs read the ready-made replies."""

import functools

import pytest

from asyncllm.testing import (
    anthropic_answer,
    anthropic_error,
    anthropic_stream,
    openai_answer,
    openai_error,
    openai_stream,
)


@pytest.fixture
def openai(server):
    sdk = pytest.importorskip("openai")
    with sdk.OpenAI(base_url=server.url + "/v1", api_key="k", max_retries=0) as client:
        yield functools.partial(
            client.chat.completions.create,
            model="gpt-4.1",
            messages=[{"role": "user", "content": "Hi"}],
        )


@pytest.fixture
def anthropic(server):
    sdk = pytest.importorskip("anthropic")
    with sdk.Anthropic(base_url=server.url, api_key="k", max_retries=0) as client:
        yield functools.partial(
            client.messages.create,
            model="claude-sonnet-4-6",
            max_tokens=9,
            messages=[{"role": "user", "content": "Hi"}],
        )


def test_the_openai_sdk_reads_the_answer(server, openai):
    server.reply(openai_answer("Hello there!", finish_reason="length"))

    answer = openai()

    assert server.requests[0].path == "/v1/chat/completions"
    assert answer.choices[0].message.content == "Hello there!"
    assert answer.choices[0].finish_reason == "length"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (12, 2)
    assert answer._request_id.startswith("req_")


def test_the_openai_sdk_reads_the_stream(server, openai):
    reply = openai_stream("Hel", "lo", "!")
    server.reply(reply)

    *chunks, last = openai(stream=True)

    deltas = [chunk.choices[0] for chunk in chunks]
    assert "".join(choice.delta.content or "" for choice in deltas) == "Hello!"
    assert [choice.finish_reason for choice in deltas] == [None] * 4 + ["stop"]
    assert (last.choices, last.usage.total_tokens) == ([], 13)
    assert len(reply.events) == 3 + 4


def test_the_openai_sdk_reads_the_error(server, openai):
    sdk = pytest.importorskip("openai")
    server.reply(openai_error(429, "insufficient_quota", "No credit.", headers={"retry-after": "7"}))

    with pytest.raises(sdk.RateLimitError, match="No credit") as caught:
        openai()

    assert caught.value.code == "insufficient_quota"
    assert caught.value.type == "invalid_request_error"
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.request_id.startswith("req_")


def test_the_anthropic_sdk_reads_the_answer(server, anthropic):
    server.reply(anthropic_answer("Hello there!", stop_reason="stop_sequence", stop_sequence="\n"))

    answer = anthropic()

    assert server.requests[0].path == "/v1/messages"
    assert [block.text for block in answer.content] == ["Hello there!"]
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "\n")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (12, 2)
    assert answer._request_id.startswith("req_")


def test_the_anthropic_sdk_reads_the_stream(server, anthropic):
    reply = anthropic_stream("Hel", "lo", "!", stop_reason="max_tokens")
    server.reply(reply)

    start, *deltas, end, _ = [event for event in anthropic(stream=True) if event.type != "ping"]

    assert start.message.usage.input_tokens == 12
    texts = [event.delta.text for event in deltas if event.type == "content_block_delta"]
    assert "".join(texts) == "Hello!"
    assert (end.delta.stop_reason, end.usage.output_tokens) == ("max_tokens", 1)
    assert len(reply.events) == 3 + 6


def test_the_anthropic_sdk_reads_the_error(server, anthropic):
    sdk = pytest.importorskip("anthropic")
    server.reply(anthropic_error(529, "overloaded_error", "Overloaded"))

    with pytest.raises(sdk.InternalServerError, match="Overloaded") as caught:
        anthropic()

    assert (caught.value.status_code, caught.value.type) == (529, "overloaded_error")
    assert caught.value.request_id.startswith("req_")
