"""What the specified interface is tried on: a real model in this process, and both vendors' APIs."""

import contextlib
import os

import pytest

# Threads that wait for each other spin otherwise, which takes minutes where the cores have more to do.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from asyncllm import LLM, Retry
from asyncllm.testing import (
    Reply,
    ScriptedServer,
    anthropic_answer,
    anthropic_stream,
    openai_answer,
    openai_stream,
)

MODELS = {
    "local":     "llamacpp:smollm2-135m-instruct",
    "openai":    "openai:gpt-4.1",
    "anthropic": "anthropic:claude-sonnet-4-6",
}  # fmt: skip
SMALL = {"threads": 1, "context_size": 512, "batch_size": 48}
SHORT = {"max_tokens": 3, "system_prompt": "-"}
"""What makes a call of the local model short: without this system prompt it has a long one of its own."""


class Subject:
    """One of the providers that the interface is tried on, and what it was sent."""

    def __init__(self, name, server=None, *, settings, parameters):
        self.name = name
        self.model = MODELS[name]
        self.is_local = server is None
        self.settings = settings
        self._server = server
        self._parameters = parameters
        self.quick = {"max_tokens": 1} if self.is_local else {}
        """What makes an answer take next to no time, where it is its length that takes it."""

    def make(self, kind=LLM, **given):
        named = {} if {"model", "model_name", "model_id"} & given.keys() else {"model": self.model}
        return kind(**named, **{**self.settings, **self._parameters, **given})

    @property
    def bodies(self):
        """The bodies of the requests for answers, in the order in which they came; none of a local model."""
        requests = [] if self._server is None else self._server.requests
        return [request.body for request in requests if "tokens" not in request.path]

    @property
    def counted(self):
        """How often the server was asked to count."""
        return len(self._server.requests) - len(self.bodies)


def last_said(body):
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else "".join(block["text"] for block in content)


def as_openai(request):
    if request.path.endswith("/input_tokens"):
        return Reply(json={"object": "response.input_tokens", "input_tokens": counted(request)})

    pieces = ("You said: ", last_said(request.body))
    if request.body.get("stream"):
        return openai_stream(*pieces)
    return openai_answer(*["".join(pieces)] * request.body.get("n", 1))


def as_anthropic(request):
    if request.path.endswith("/count_tokens"):
        return Reply(json={"input_tokens": counted(request)})

    pieces = ("You said: ", last_said(request.body))
    return anthropic_stream(*pieces) if request.body.get("stream") else anthropic_answer("".join(pieces))


def counted(request):
    """Count a token for each letter, and ten for all that stands around them."""
    said = request.body.get("messages") or request.body["input"]
    return 10 + sum(len(str(message["content"])) for message in said)


VENDORS = {
    "openai":    (as_openai, "/v1", {"dialect": "openai"}),
    "anthropic": (as_anthropic, "", {}),
}  # fmt: skip


@pytest.fixture(scope="session")
def local():
    """The real model, loaded once for all tests."""
    pytest.importorskip("llama_cpp")
    from asyncllm_llamacpp._engines import engines
    from asyncllm_llamacpp._names import located
    from asyncllm_llamacpp._settings import Settings

    hold = engines.hold(located("smollm2-135m-instruct"), Settings(**SMALL))
    yield Subject("local", settings=SMALL, parameters=SHORT)
    hold.release()


@pytest.fixture(scope="session")
def vendors():
    """A server for each vendor's API, which answers whatever it is asked."""
    with contextlib.ExitStack() as stack:
        servers = {name: stack.enter_context(ScriptedServer()) for name in VENDORS}
        for name, server in servers.items():
            server.reply(VENDORS[name][0])
        yield servers


@pytest.fixture(params=MODELS)
def subject(request):
    if request.param == "local":
        return request.getfixturevalue("local")

    server = request.getfixturevalue("vendors")[request.param]
    server.requests.clear()
    _, path, settings = VENDORS[request.param]
    address = {"base_url": server.url + path, "api_key": "sk-made-up", "retry": Retry(attempts=1)}
    return Subject(request.param, server, settings={**address, **settings}, parameters={})


@pytest.fixture
def llm(subject):
    with subject.make() as llm:
        yield llm
