"""A server that answers like either vendor, whatever it is asked."""

import json

import pytest

from asyncllm.testing import ScriptedServer, anthropic_answer, anthropic_stream, openai_answer, openai_stream

REPLIES = {
    ("/v1/chat/completions", False): openai_answer,
    ("/v1/chat/completions", True): openai_stream,
    ("/v1/messages", False): anthropic_answer,
    ("/v1/messages", True): anthropic_stream,
}


def answering(text):
    return lambda request: REPLIES[request.path, request.body.get("stream", False)](text)


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
    """Return the golden value in *path* for a model and a case; with --update-golden, write it first."""

    def value(path, model, case, seen):
        cases = json.loads(path.read_text()) if path.exists() else {}
        if request.config.getoption("--update-golden"):
            cases.setdefault(model, {})[case] = seen
            path.write_text(json.dumps(cases, indent=1, ensure_ascii=False) + "\n")
        return cases[model][case]

    return value
