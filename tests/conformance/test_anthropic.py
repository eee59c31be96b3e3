"""Anthropic's provider is what every provider has to be."""

from asyncllm.testing import HTTPConformance, anthropic_answer, anthropic_stream
from asyncllm_anthropic import AnthropicProvider


class TestMessages(HTTPConformance):
    provider = AnthropicProvider
    model = "claude-sonnet-4-6"

    def settings(self, url):
        return {"base_url": url, "api_key": "sk-ant-made-up-for-tests"}

    def answer(self, text):
        return anthropic_answer(text)

    def stream(self, *pieces):
        return anthropic_stream(*pieces)

    def reasoned(self, thought, text, *, stream):
        return (anthropic_stream if stream else anthropic_answer)(text, thinking=thought)
