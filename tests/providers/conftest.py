"""A server that answers like either vendor, whatever it is asked."""

import json

import pytest

from asyncllm.testing import (
    Reply,
    ScriptedServer,
    anthropic_answer,
    anthropic_stream,
    ollama_answer,
    ollama_stream,
    openai_answer,
    openai_stream,
    responses_answer,
    responses_stream,
)

REPLIES = {
    ("/v1/chat/completions", False): openai_answer,
    ("/v1/chat/completions", True):  openai_stream,
    ("/v1/responses", False):        responses_answer,
    ("/v1/responses", True):         responses_stream,
    ("/v1/messages", False):         anthropic_answer,
    ("/v1/messages", True):          anthropic_stream,
    ("/api/chat", False):            ollama_answer,
    ("/api/chat", True):             ollama_stream,
}  # fmt: skip

NOT_FOUND = Reply(status=404, json={"error": {"message": "There is no such address."}})


def answering(text):
    def reply(request):
        made = REPLIES.get((request.path, request.body.get("stream", False)))
        return NOT_FOUND if made is None else made(text)

    return reply


@pytest.fixture(scope="module")
def module_server():
    with ScriptedServer() as server:
        server.reply(answering("Hello!"))
        yield server


@pytest.fixture
def server():
    with ScriptedServer() as server:
        yield server


@pytest.fixture(scope="session")
def settings_for():
    """What makes a provider speak to a server as it speaks to its vendor."""

    def settings(provider, server):
        key = {"api_key": "sk-made-up-key-for-tests"}
        if provider == "openai":
            return {"base_url": server.url + "/v1", "dialect": "openai", **key}
        return {"base_url": server.url, **key}

    return settings


@pytest.fixture
def golden(request):
    """Return the golden value in *path* under a name; with --update-golden, write it first."""

    def value(path, name, seen):
        values = json.loads(path.read_text()) if path.exists() else {}
        if request.config.getoption("--update-golden"):
            values[name] = seen
            path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n")
        return values.get(name)

    return value
