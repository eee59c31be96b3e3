"""Ollama's provider is what every provider has to be, and stands on no SDK."""

import pytest

from asyncllm.testing import HTTPConformance, ollama_answer, ollama_error, ollama_stream
from asyncllm_ollama import OllamaProvider


@pytest.mark.slow
class TestOllama(HTTPConformance):
    provider = OllamaProvider
    model = "llama3.2"

    def settings(self, url):
        return {"base_url": url, "api_key": "made-up-for-tests"}

    def answer(self, text):
        return ollama_answer(text)

    def stream(self, *pieces):
        return ollama_stream(*pieces)

    def reasoned(self, thought, text, *, stream):
        return (ollama_stream if stream else ollama_answer)(text, thinking=thought)

    def error(self, status, message):
        return ollama_error(status, message)
