"""Where Ollama is, and what is sent along."""

import pickle
import traceback

import pytest

from asyncllm import LLM, InvalidParameter
from asyncllm.testing import ollama_stream
from asyncllm_ollama import OllamaProvider

KEY = "made-up-key-for-tests"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in ("OLLAMA_HOST", "OLLAMA_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def ollama(**settings):
    return LLM("llama3.2", provider=OllamaProvider, **settings)


@pytest.mark.parametrize(
    ("variable", "address"),
    [
        ("", "http://127.0.0.1:11434"),
        ("  ", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("box", "http://box:11434"),
        ("box:8080", "http://box:8080"),
        ("box/", "http://box:11434"),
        ("box:8080/ollama/", "http://box:8080/ollama"),
        ('"box:8080"', "http://box:8080"),
        ("' box '", "http://box:11434"),
        ("http://box", "http://box"),
        ("http://0.0.0.0:8080/", "http://127.0.0.1:8080"),
        ("https://box", "https://box"),
        ("https://box:8443/a/b", "https://box:8443/a/b"),
        ("ollama.com", "https://ollama.com"),
        ("::1", "http://[::1]:11434"),
        ("::", "http://[::1]:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("[::]:8080", "http://[::1]:8080"),
        ("[fe80::1]:8080", "http://[fe80::1]:8080"),
    ],
)
def test_the_environments_host_is_read_as_ollama_reads_it(monkeypatch, variable, address):
    monkeypatch.setenv("OLLAMA_HOST", variable)

    assert OllamaProvider().base_url == address


@pytest.mark.parametrize("variable", ["ftp://box", "box:port", "box:99999", "a:b:c", "http://"])
def test_a_host_that_is_none_is_refused(monkeypatch, variable):
    monkeypatch.setenv("OLLAMA_HOST", variable)

    if variable == "http://":
        assert OllamaProvider().base_url == "http://127.0.0.1"
    else:
        with pytest.raises(InvalidParameter, match="http://localhost:8000/v1"):
            OllamaProvider()


@pytest.mark.parametrize("place", ["setting", "variable"])
@pytest.mark.parametrize("url", ["http://me:hunter2@box", "http://hunter2@box"])
def test_a_password_in_the_address_is_refused_and_not_shown(monkeypatch, url, place):
    monkeypatch.setenv("OLLAMA_HOST", url if place == "variable" else "")

    with pytest.raises(InvalidParameter) as caught:
        ollama(**({"base_url": url} if place == "setting" else {}))

    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_the_setting_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "not an address")

    assert OllamaProvider(base_url="http://box:1/").base_url == "http://box:1/"


@pytest.mark.parametrize("path", ["", "/", "/ollama", "/ollama/"])
def test_requests_go_below_the_address(server, path):
    server.reply(ollama_stream("ok"))

    with ollama(base_url=server.url + path) as llm:
        llm.run("?")

    assert server.requests[0].path == path.rstrip("/") + "/api/chat"


def test_no_key_is_needed_and_none_is_sent(server):
    server.reply(ollama_stream("ok"))

    with ollama(base_url=server.url) as llm:
        llm.run("?")

    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("place", ["setting", "variable"])
def test_a_key_is_sent_as_a_bearer(monkeypatch, server, place):
    server.reply(ollama_stream("ok"))
    monkeypatch.setenv("OLLAMA_API_KEY", KEY if place == "variable" else "another")

    with ollama(base_url=server.url, **({"api_key": KEY} if place == "setting" else {})) as llm:
        llm.run("?")

    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_headers_are_sent_along_and_win_over_the_key(server):
    server.reply(ollama_stream("ok"))

    with ollama(
        base_url=server.url, api_key=KEY, headers={"Authorization": "Basic x", "x-team": "red"}
    ) as llm:
        llm.run("?")

    assert server.requests[0].headers["authorization"] == "Basic x"
    assert server.requests[0].headers["x-team"] == "red"


@pytest.mark.parametrize("keep_alive", ["10m", "1h30m", "-1m", "1.5h", "0", 0, -1, 300, 2.5])
def test_a_model_is_kept_as_long_as_was_asked(server, keep_alive):
    server.reply(ollama_stream("ok"))

    with ollama(base_url=server.url, keep_alive=keep_alive) as llm:
        llm.run("?")

    assert server.requests[0].body["keep_alive"] == keep_alive


@pytest.mark.parametrize("keep_alive", ["10", "-1", "", "ten minutes", "m", True, float("nan"), [], b"10m"])
def test_a_time_that_is_none_says_what_one_looks_like(keep_alive):
    with pytest.raises(InvalidParameter, match="'10m'"):
        ollama(keep_alive=keep_alive)


def test_a_key_is_in_no_repr_no_plan_and_no_pickle():
    llm = ollama(api_key=KEY, headers={"x-token": KEY}, temperature=1)

    assert KEY not in repr(llm)
    assert KEY not in str(llm.plan("?"))
    assert KEY.encode() not in pickle.dumps(llm)
    assert pickle.loads(pickle.dumps(llm)).temperature == 1
