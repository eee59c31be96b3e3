"""Which version of Anthropic's API a call asks for, and what each model takes under it."""

import pytest

from asyncllm import LLM, UnsupportedParameter
from asyncllm.testing import anthropic_answer

OLDER, NEWER = "2023-06-01", "2026-10-21"
SAMPLING = {"temperature": 0.7, "top_p": 0.5, "top_k": 5}


@pytest.fixture
def settings(server):
    server.reply(anthropic_answer("Hello!"))
    return {"base_url": server.url, "api_key": "sk-made-up", "max_tokens": 50}


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-opus-4-5-20251101", "claude-sonnet-4-6"])
@pytest.mark.parametrize("name", SAMPLING)
def test_sampling_asks_for_the_version_that_knows_it_and_says_so(model, name, server, settings):
    response = LLM(f"anthropic:{model}", **settings).generate("Hi", **{name: SAMPLING[name]})

    assert server.requests[0].headers["anthropic-version"] == OLDER
    assert server.requests[0].body[name] == SAMPLING[name]
    (said,) = map(str, response.adjustments)
    assert said.startswith(f"translated anthropic-version (None -> '{OLDER}'): later versions")


def test_each_call_asks_for_the_version_that_it_needs(server, settings):
    llm = LLM("anthropic:claude-opus-4-6", **settings)
    for params in ({}, {"temperature": 0.7}, {"reasoning_effort": "high", "temperature": 0.7}, {}):
        llm.run("Hi", **params)

    assert [request.headers["anthropic-version"] for request in server.requests] == [
        NEWER,
        OLDER,
        NEWER,
        NEWER,
    ]


def test_greedy_decoding_asks_for_it_too(server, settings):
    LLM("anthropic:claude-opus-4-6", **settings).run("Hi", do_sample=False)

    assert server.requests[0].headers["anthropic-version"] == OLDER
    assert server.requests[0].body["temperature"] == 0


@pytest.mark.parametrize(("model", "version"), [("claude-opus-4-8", OLDER), ("claude-opus-4-6", NEWER)])
@pytest.mark.parametrize("name", SAMPLING)
def test_where_model_or_version_refuses_sampling_none_is_sent(model, version, name, server, settings):
    llm = LLM(f"anthropic:{model}", api_version=version, **settings)
    response = llm.generate("Hi", **{name: SAMPLING[name]})

    assert server.requests[0].headers["anthropic-version"] == version
    assert name not in server.requests[0].body
    assert [adjustment.verdict for adjustment in response.adjustments] == ["dropped"]


def test_a_version_that_was_set_needs_no_other(server, settings):
    llm = LLM("anthropic:claude-opus-4-6", api_version=OLDER, **settings)

    assert llm.generate("Hi", temperature=0.7).adjustments == ()
    assert server.requests[0].headers["anthropic-version"] == OLDER


def test_temperature_wins_over_top_p_whatever_version_takes_both(server, settings):
    response = LLM("anthropic:claude-opus-4-6", **settings).generate("Hi", temperature=0.7, top_p=0.5)

    assert "top_p" not in server.requests[0].body
    assert "dropped top_p (0.5): cannot be combined with temperature" in map(str, response.adjustments)


def test_what_a_model_does_anyway_needs_no_older_version(settings):
    assert (
        LLM("anthropic:claude-opus-5", **settings, strict=True).generate("Hi", temperature=1).adjustments
        == ()
    )


def test_strict_refuses_what_no_version_takes_before_anything_is_sent(server, settings):
    with pytest.raises(UnsupportedParameter, match=r"models after Claude 4\.6 take no sampling parameters"):
        LLM("anthropic:claude-opus-4-8", **settings, strict=True).run("Hi", temperature=0.7)
    assert server.requests == []


def test_strict_lets_the_version_be_chosen(server, settings):
    assert LLM("anthropic:claude-opus-4-6", **settings, strict=True).run("Hi", temperature=0.7) == "Hello!"
    assert server.requests[0].headers["anthropic-version"] == OLDER


@pytest.mark.parametrize(
    ("model", "sampled", "known"),
    [
        ("anthropic/claude-sonnet-4.5", True, True),
        ("claude-opus-4-5@20251101", True, True),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", True, True),
        ("bedrock/eu.anthropic.claude-opus-4-6-v1", True, True),
        ("claude-sonnet-4-5-latest", True, True),
        ("anthropic.claude-opus-5-20260801-v1:0", False, True),
        ("claude-sonnet-5-latest", False, True),
        ("claude-opus-5@default", False, True),
        ("claude-opus-5-20260801", False, True),
        ("claude-opus-5-7", False, False),
        ("claude-saga-1", False, False),
    ],
)
def test_a_models_name_leads_to_its_family(model, sampled, known, settings):
    plan = LLM(f"anthropic:{model}", **settings).plan("Hi", temperature=0.7)

    assert ("temperature" in plan.sent[0].body) is sampled
    assert ("model_name" in [adjustment.parameter for adjustment in plan.adjustments]) is not known
