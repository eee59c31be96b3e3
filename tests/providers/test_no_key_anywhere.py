"""Wherever a key is put, nothing that is said, shown or written down has it in it."""

import copy
import io
import logging
import pickle
import traceback
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from asyncllm import LLM, InvalidParameter, Limits, LLMError, Message, Retry
from asyncllm.testing import Reply, ScriptedServer

KEY = "sk-canary-0123456789abcdef"
"""What must not be found."""

MODELS = {
    "openai":    "openai:gpt-4.1",
    "responses": "openai:gpt-5.2",
    "anthropic": "anthropic:claude-sonnet-4-6",
    "ollama":    "ollama:qwen3",
}  # fmt: skip

VARIABLES = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OLLAMA_API_KEY")

PLACES = {
    "the key":                 {"api_key": KEY},
    "a header":                {"api_key": "sk-made-up", "headers": {"x-gateway-key": KEY}},
    "another authorization":   {"api_key": "sk-made-up", "headers": {"Authorization": f"Bearer {KEY}"}},
    "the environment":         {},
}  # fmt: skip
"""Where a key can be put."""


def echo(request):
    return " ".join(f"{name}: {value}" for name, value in request.headers.items()) + request.path


def refusal(status):
    """A server that repeats in its error whatever it was sent."""
    return lambda request: Reply(
        status=status, json={"error": {"message": echo(request), "type": "api_error"}}
    )


def alone(request):
    """Repeat the key, and not what stood before it in a header."""
    error = {"message": f"not {KEY}", "code": KEY, "type": KEY}
    return Reply(status=401, json={"error": error}, headers={"x-request-id": KEY, "request-id": KEY})


REPLIES = {
    "the key alone":   alone,
    "refused":         refusal(401),
    "out of order":    refusal(500),
    "too many":        refusal(429),
    "a page":          lambda request: Reply(status=502, body=f"<html>{echo(request)}</html>".encode()),
    "no JSON":         lambda request: Reply(body=b'{"what": ' + echo(request).encode()),
    "no answer":       lambda request: Reply(json={"unknown": echo(request)}),
    "error in a 200":  lambda request: Reply(json={"error": {"message": echo(request)}}),
    "redirected":      lambda request: Reply(status=307, headers={"location": f"http://localhost:1/?{KEY}"}),
    "a broken stream": lambda request: Reply(events=[{"error": {"message": echo(request)}}]),
    "soup":            lambda request: Reply(events=["{" + echo(request)]),
    "reset":           lambda request: Reply(body=b"x" * 100, reset_after=10),
}  # fmt: skip
"""How a server fails, and says the key in doing so."""


@pytest.fixture(scope="module")
def failing_server():
    with ScriptedServer() as server:
        yield server


@pytest.fixture(params=MODELS)
def make(request, failing_server, monkeypatch, place):
    for variable in VARIABLES:
        monkeypatch.setenv(variable, KEY)

    def make():
        address = failing_server.url + ("/v1" if request.param in {"openai", "responses"} else "")
        return LLM(
            MODELS[request.param],
            base_url=address,
            retry=Retry(attempts=2, wait_initial=0),
            limits=Limits(adaptive=False),
            max_tokens=100,
            **PLACES[place],
        )

    return make


@pytest.fixture(params=PLACES)
def place(request):
    return request.param


@pytest.fixture
def heard(caplog):
    """All that is logged, printed, or told by an error, while a test runs."""
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="asyncllm")
    said, errors = io.StringIO(), []

    def everything():
        logs = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
        shown = ["".join(traceback.format_exception(error)) + repr(vars(error)) for error in errors]
        return "\n".join([*logs, *shown, said.getvalue()])

    with redirect_stdout(said), redirect_stderr(said):
        yield errors, everything


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_no_failure_tells_a_key(make, failing_server, heard, streamed):
    errors, everything = heard
    llm = make()
    for reply in REPLIES.values():
        failing_server.reply(reply)
        try:
            with llm.stream("Hello?") as stream:
                list(stream) if streamed else None
            if not streamed:
                llm.run("Hello?")
        except LLMError as error:
            errors.append(error)
    llm.close()

    assert len(errors) >= len(REPLIES) - 1
    assert not [line for line in everything().splitlines() if KEY in line]
    assert all(KEY.encode() not in pickle.dumps(error) for error in errors)


@pytest.mark.parametrize("model", MODELS.values())
@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": f"http://me:{KEY}@localhost"},
        {"base_url": f"http://localhost/v1?key={KEY}"},
        {"base_url": f"http://localhost/v1#{KEY}"},
        {"base_url": f"{KEY}@localhost"},
        {"api_key": f" {KEY} "},
        {"api_key": KEY.encode()},
        {"headers": {"x-key": f"{KEY}\n"}},
        {"headers": {f"{KEY} ": "x"}},
        {"headers": KEY},
    ],
    ids=lambda settings: str(settings).replace(KEY, "KEY"),
)
def test_a_setting_that_cannot_be_sent_is_refused_without_being_shown(model, settings):
    with pytest.raises(InvalidParameter) as caught:
        LLM(model, **settings)

    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_nothing_that_shows_or_keeps_an_llm_has_a_key(make, tmp_path, heard):
    _, everything = heard
    llm = make()
    llm.history = [Message("user", f"My key is {KEY}.")]
    shown = [
        repr(llm),
        str(llm.plan("Hello?")),
        repr(llm.plan("Hello?")),
        str(llm.metrics()),
        repr(llm.metrics()),
        repr(copy.copy(llm)),
        repr(llm.parameters),
    ]
    llm.history = []
    kept = [pickle.dumps(llm), pickle.dumps(llm.metrics()), pickle.dumps(llm.plan("Hello?"))]
    llm.history = [Message("user", f"My key is {KEY}.")]
    restored = llm.load_checkpoint(llm.save_checkpoint(tmp_path))
    shown += [str(restored), repr(restored)]

    assert not [text for text in shown if KEY in text]
    assert not [data for data in kept if KEY.encode() in data]
    assert not [
        path for path in Path(tmp_path).rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()
    ]
    assert KEY not in everything()
