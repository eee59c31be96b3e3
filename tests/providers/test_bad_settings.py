"""What cannot work is said before anything is sent."""

import pickle
import traceback

import pytest

from asyncllm import LLM, InvalidParameter, InvalidTask, Message, MissingAPIKey, UnknownParameter

KEY = "sk-made-up-key-for-tests"
MODELS = ["openai:gpt-4.1", "claude-opus-4-8"]
KEYS = [("openai:gpt-4.1", "OPENAI_API_KEY"), ("claude-opus-4-8", "ANTHROPIC_API_KEY")]


def shown(error):
    """Return all that a user sees of an error."""
    return repr(error) + "".join(traceback.format_exception(error))


@pytest.mark.parametrize(("model", "variable"), KEYS)
def test_a_missing_key_names_the_variable(monkeypatch, model, variable):
    monkeypatch.delenv(variable, raising=False)

    with pytest.raises(MissingAPIKey, match=variable):
        LLM(model).run("?")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("url", ["localhost:8000", "not an address", "ftp://x", "http://"])
def test_a_base_url_that_is_none_says_what_one_looks_like(model, url):
    with pytest.raises(InvalidParameter, match="http://localhost:8000/v1"):
        LLM(model, base_url=url)


@pytest.mark.parametrize(
    "url", [5, b"http://x", ["http://x"], "http://[::1", "http://x:99999", "http://x/\n"]
)
@pytest.mark.parametrize("model", MODELS)
def test_a_base_url_that_cannot_be_read_says_what_one_looks_like(model, url):
    with pytest.raises(InvalidParameter, match="http://localhost:8000/v1"):
        LLM(model, base_url=url)


@pytest.mark.parametrize(
    "url", ["http://me:hunter2@host/v1", "http://hunter2@host", "http://me:hunter2@[::1", "//me:hunter2@host"]
)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("variable", [False, True], ids=["setting", "variable"])
def test_a_password_in_a_base_url_is_refused_and_not_shown(monkeypatch, model, url, variable):
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"):
        monkeypatch.setenv(name, url if variable else "")

    with pytest.raises(InvalidParameter, match="base_url") as caught:
        LLM(model, **({} if variable else {"base_url": url}))

    assert "hunter2" not in shown(caught.value)


@pytest.mark.parametrize(
    ("setting", "value", "wanted"),
    [
        ("api_key", 5, "printable ASCII .* got int"),
        ("api_key", b"hunter2", "got bytes"),
        ("api_key", "hunter2\n", "got another text"),
        ("api_key", "hunter2\x00", "got another text"),
        ("api_key", "hünter2", "got another text"),
        ("headers", "hunter2", "mapping"),
        ("headers", [("x-token", "hunter2")], "mapping"),
        ("headers", {5: "hunter2"}, "names like 'x-team'"),
        ("headers", {"hunter2:": "x"}, "names like 'x-team'"),
        ("headers", {"x-token": 5}, r"headers\['x-token'\] takes printable ASCII .* got int"),
        ("headers", {"x-token": "hunter2\r\nx: y"}, "another text"),
        ("headers", {"x-token": "hünter2"}, "another text"),
    ],
)
@pytest.mark.parametrize("model", MODELS)
def test_what_no_header_can_hold_is_refused_and_not_shown(model, setting, value, wanted):
    with pytest.raises(InvalidParameter, match=wanted) as caught:
        LLM(model, **{setting: value})

    assert setting in str(caught.value)
    assert "nter2" not in shown(caught.value)


@pytest.mark.parametrize(
    ("model", "setting"),
    [("openai:x", "organization"), ("openai:x", "project"), ("claude-opus-4-8", "api_version")],
)
@pytest.mark.parametrize("value", [5, "a\nb", "ü", ["a"]])
def test_what_goes_into_a_header_must_fit_there(model, setting, value):
    with pytest.raises(InvalidParameter, match=f"{setting} takes printable ASCII"):
        LLM(model, **{setting: value})


@pytest.mark.parametrize(("model", "variable"), KEYS)
def test_a_key_in_the_environment_that_cannot_be_sent_names_the_variable(monkeypatch, model, variable):
    monkeypatch.setenv(variable, "hunter2\n")

    with pytest.raises(InvalidParameter, match=variable) as caught:
        LLM(model).run("?")

    assert "hunter2" not in shown(caught.value)


@pytest.mark.parametrize("model", MODELS)
def test_an_empty_setting_is_one_that_is_not_set(monkeypatch, model):
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(MissingAPIKey):
        LLM(model, api_key="", base_url="", headers={"x-token": None}).run("?")


@pytest.mark.parametrize("dialect", ["klingon", [], 5, ""])
def test_an_unknown_dialect_names_the_known_ones(dialect):
    with pytest.raises(InvalidParameter, match=r"one of 'openai', 'vllm', .*'compatible'"):
        LLM("openai:x", dialect=dialect)


@pytest.mark.parametrize("model", MODELS)
def test_a_misspelt_setting_names_the_nearest(model):
    with pytest.raises(UnknownParameter, match="did you mean 'base_url'"):
        LLM(model, base_ulr="http://localhost")


def test_a_conversation_without_a_user_is_refused_for_anthropic():
    with pytest.raises(InvalidTask, match="user"):
        LLM("claude-opus-4-8", api_key=KEY, max_tokens=9).run([Message("system", "Be kind.")])


@pytest.mark.parametrize("model", MODELS)
def test_a_key_is_in_no_repr_and_no_pickle(model):
    llm = LLM(model, api_key=KEY, headers={"x-token": KEY}, base_url="http://localhost:1/v1", temperature=1)

    copy = pickle.loads(pickle.dumps(llm))

    assert KEY not in repr(llm)
    assert KEY.encode() not in pickle.dumps(llm)
    assert copy.model_name == llm.model_name
    assert copy.temperature == 1
