"""What cannot work is said before anything is sent."""

import pickle

import pytest

from asyncllm import LLM, InvalidParameter, InvalidTask, Message, MissingAPIKey, UnknownParameter

KEY = "sk-made-up-key-for-tests"


@pytest.mark.parametrize(
    ("model", "variable"), [("openai:gpt-4.1", "OPENAI_API_KEY"), ("claude-opus-4-8", "ANTHROPIC_API_KEY")]
)
def test_a_missing_key_names_the_variable(monkeypatch, model, variable):
    monkeypatch.delenv(variable, raising=False)

    with pytest.raises(MissingAPIKey, match=variable):
        LLM(model).run("?")


@pytest.mark.parametrize("model", ["openai:gpt-4.1", "claude-opus-4-8"])
@pytest.mark.parametrize("url", ["localhost:8000", "not an address", "ftp://x", "http://"])
def test_a_base_url_that_is_none_says_what_one_looks_like(model, url):
    with pytest.raises(InvalidParameter, match="http://localhost:8000/v1"):
        LLM(model, base_url=url)


def test_an_unknown_dialect_names_the_known_ones():
    with pytest.raises(InvalidParameter, match="'openai' or 'compatible'"):
        LLM("openai:x", dialect="klingon")


@pytest.mark.parametrize("model", ["openai:gpt-4.1", "claude-opus-4-8"])
def test_a_misspelt_setting_names_the_nearest(model):
    with pytest.raises(UnknownParameter, match="did you mean 'base_url'"):
        LLM(model, base_ulr="http://localhost")


def test_a_conversation_without_a_user_is_refused_for_anthropic():
    with pytest.raises(InvalidTask, match="user"):
        LLM("claude-opus-4-8", api_key=KEY, max_tokens=9).run([Message("system", "Be kind.")])


@pytest.mark.parametrize("model", ["openai:gpt-4.1", "claude-opus-4-8"])
def test_a_key_is_in_no_repr_and_no_pickle(model):
    llm = LLM(model, api_key=KEY, headers={"x-token": KEY}, base_url="http://localhost:1/v1", temperature=1)

    copy = pickle.loads(pickle.dumps(llm))

    assert KEY not in repr(llm)
    assert KEY.encode() not in pickle.dumps(llm)
    assert copy.model_name == llm.model_name
    assert copy.temperature == 1
