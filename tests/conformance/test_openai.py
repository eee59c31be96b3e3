"""OpenAI's provider is what every provider has to be, by each of its APIs."""

import pytest

from asyncllm.testing import (
    HTTPConformance,
    Reply,
    openai_answer,
    openai_stream,
    responses_answer,
    responses_stream,
)
from asyncllm.testing.conformance._tables import HTTPTables
from asyncllm_openai import OpenAIProvider

CHAT, RESPONSES = (
    tuple(
        table
        for table in OpenAIProvider.tables
        if table.settings.items() >= {("dialect", "openai"), ("api", api)}
    )
    for api in ("chat", "responses")
)


def one_after_the_other(texts):
    """A stream of several answers."""
    events = [
        {**event, "choices": [{**choice, "index": index} for choice in event["choices"]]}
        for index, text in enumerate(texts)
        for event in openai_stream(text).events[:-1]
    ]
    return Reply(events=[*events, "[DONE]"])


class TestChat(HTTPConformance):
    provider = OpenAIProvider
    model = "gpt-4.1"
    tables = CHAT

    def settings(self, url):
        return {
            "base_url": url + "/v1",
            "api_key": "sk-made-up-for-tests",
            "dialect": "openai",
            "api": "chat",
        }

    def answer(self, text):
        return openai_answer(text)

    def stream(self, *pieces):
        return openai_stream(*pieces)

    def answers(self, *texts, stream):
        return one_after_the_other(texts) if stream else openai_answer(*texts)

    def reasoned(self, thought, text, *, stream):
        return (openai_stream if stream else openai_answer)(text, reasoning=thought)


@pytest.mark.slow
class TestResponses(TestChat):
    tables = RESPONSES

    def settings(self, url):
        return super().settings(url) | {"api": "responses"}

    def answer(self, text):
        return responses_answer(text)

    def stream(self, *pieces):
        return responses_stream(*pieces)

    def reasoned(self, thought, text, *, stream):
        summary = [{"type": "summary_text", "text": thought}]
        before = [{"id": "rs_1", "type": "reasoning", "summary": summary, "content": []}]
        return (responses_stream if stream else responses_answer)(text, before=before)


class TestCompatible(HTTPTables):
    """They speak Chat Completions too: only their tables are others."""

    provider = OpenAIProvider
    model = "gpt-4.1"
    tables = tuple(table for table in OpenAIProvider.tables if table not in CHAT + RESPONSES)

    def settings(self, url):
        return {"base_url": url + "/v1", "api_key": "sk-made-up-for-tests"}

    def answer(self, text):
        return openai_answer(text)

    def stream(self, *pieces):
        return openai_stream(*pieces)
