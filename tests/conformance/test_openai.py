"""OpenAI's provider is what every provider has to be, by each of its APIs."""

from asyncllm.testing import HTTPConformance, openai_answer, openai_stream, responses_answer, responses_stream
from asyncllm_openai import OpenAIProvider

CHAT, RESPONSES = (
    tuple(
        table
        for table in OpenAIProvider.tables
        if table.settings.items() >= {("dialect", "openai"), ("api", api)}
    )
    for api in ("chat", "responses")
)


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


class TestResponses(TestChat):
    tables = RESPONSES

    def settings(self, url):
        return super().settings(url) | {"api": "responses"}

    def answer(self, text):
        return responses_answer(text)

    def stream(self, *pieces):
        return responses_stream(*pieces)


class TestCompatible(TestChat):
    tables = tuple(table for table in OpenAIProvider.tables if table not in CHAT + RESPONSES)

    def settings(self, url):
        return {"base_url": url + "/v1", "api_key": "sk-made-up-for-tests"}
