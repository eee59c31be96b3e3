"""How each Claude is told to think, and what comes of it."""

import pytest

from asyncllm import LLM, IncompleteResponse, Retry, UnsupportedParameter, Usage
from asyncllm.testing import anthropic_answer, anthropic_stream

ADAPTIVE = {"type": "adaptive"}
DISABLED = {"type": "disabled"}
BETWEEN_TOOLS = {"type": "between_tools"}
THOUGHTFUL = {
    "input_tokens": 12,
    "output_tokens": 30,
    "output_tokens_details": {"thinking_tokens": 20},
}


def planned(model, **params):
    return LLM(f"anthropic:{model}", max_tokens=4000, api_key="sk-made-up").plan("Hi", **params)


def body(model, **params):
    return planned(model, **params).sent[0].body


def adjustments(model, **params):
    return [str(adjustment) for adjustment in planned(model, **params).adjustments]


def enabled(budget):
    return {"type": "enabled", "budget_tokens": budget}


@pytest.mark.parametrize(
    ("model", "effort", "sent", "thinking"),
    [
        ("claude-haiku-4-5", "none", None, DISABLED),
        ("claude-haiku-4-5", "high", None, None),
        ("claude-opus-4-5", "none", None, DISABLED),
        ("claude-opus-4-5", "max", "high", None),
        ("claude-opus-4-6", "none", None, DISABLED),
        ("claude-opus-4-6", "medium", "medium", ADAPTIVE),
        ("claude-opus-4-6", "max", "max", ADAPTIVE),
        ("claude-opus-4-7", "xhigh", "xhigh", ADAPTIVE),
        ("claude-opus-4-8", "minimal", "low", ADAPTIVE),
        ("claude-sonnet-5", "none", None, DISABLED),
        ("claude-sonnet-5", "high", "high", None),
        ("claude-opus-5", "none", None, DISABLED),
        ("claude-haiku-5-5", "none", None, DISABLED),
        ("claude-haiku-5-5", "xhigh", "xhigh", None),
        ("claude-sonnet-5-5", "none", None, BETWEEN_TOOLS),
        ("claude-sonnet-5-5", "low", "low", None),
        ("claude-opus-5-5", "none", "low", None),
        ("claude-fable-5-2", "max", "max", None),
        ("claude-mythos-5", "minimal", "low", None),
    ],
)
def test_an_effort_is_said_as_each_family_understands_it(model, effort, sent, thinking):
    told = body(model, reasoning_effort=effort)

    assert told.get("output_config") == ({"effort": sent} if sent else None)
    assert told.get("thinking") == thinking


def test_a_level_that_a_family_lacks_is_clamped_and_said():
    assert adjustments("claude-opus-4-6", reasoning_effort="xhigh")[0] == (
        "clamped reasoning_effort ('xhigh' -> 'high'): knows low, medium, high, max"
    )


def test_that_an_effort_makes_a_model_think_is_said():
    assert adjustments("claude-opus-4-8", reasoning_effort="low") == [
        "translated thinking (None -> {'type': 'adaptive'}): this model thinks only when it is told to"
    ]


def test_a_model_without_levels_of_effort_is_said_to_have_none():
    (said,) = adjustments("claude-haiku-4-5", reasoning_effort="high")

    assert said.startswith("dropped reasoning_effort ('high'): this model has no levels of effort")


@pytest.mark.parametrize(
    ("model", "params", "thinking"),
    [
        ("claude-haiku-4-5", {"thinking_budget": 2048}, enabled(2048)),
        ("claude-opus-4-5", {"thinking_budget": 2048, "reasoning_effort": "low"}, enabled(2048)),
        ("claude-opus-4-6", {"thinking_budget": 2048, "reasoning_effort": "low"}, enabled(2048)),
        ("claude-sonnet-4-6", {"thinking_budget": 1}, enabled(1024)),
        ("claude-sonnet-4-6", {"thinking_budget": 9000}, enabled(3999)),
        ("claude-sonnet-4-6", {"thinking_budget": 2048, "max_tokens": 1024}, None),
        ("claude-sonnet-4-6", {"thinking_budget": 2048, "reasoning_effort": "none"}, DISABLED),
        ("claude-sonnet-4-6", {"thinking_budget": 0, "reasoning_effort": "high"}, DISABLED),
        ("claude-opus-4-8", {"thinking_budget": 2048}, None),
        ("claude-opus-4-8", {"thinking_budget": 0}, DISABLED),
        ("claude-opus-5", {"thinking_budget": 0, "reasoning_effort": "high"}, DISABLED),
        ("claude-opus-5", {"thinking_budget": 0, "reasoning_effort": "xhigh"}, None),
        ("claude-sonnet-5-5", {"thinking_budget": 0}, BETWEEN_TOOLS),
        ("claude-sonnet-5-5", {"thinking_budget": 0, "reasoning_effort": "max"}, None),
        ("claude-haiku-5-5", {"thinking_budget": 0, "reasoning_effort": "high"}, DISABLED),
        ("claude-haiku-5-5", {"thinking_budget": 0, "reasoning_effort": "max"}, None),
        (
            "claude-opus-4-6",
            {"thinking_budget": 2048, "max_tokens": 900, "reasoning_effort": "low"},
            ADAPTIVE,
        ),
        ("claude-opus-4-8", {"thinking_budget": 2048, "reasoning_effort": "low"}, ADAPTIVE),
        ("claude-opus-5-5", {"thinking_budget": 0}, None),
    ],
)
def test_a_budget_is_said_where_one_is_taken(model, params, thinking):
    assert body(model, **params).get("thinking") == thinking


def test_a_budget_without_max_tokens_may_take_all_but_one_of_the_models_own():
    told = (
        LLM("anthropic:claude-opus-4-6", api_key="sk-made-up")
        .plan("Hi", thinking_budget=500_000)
        .sent[0]
        .body
    )

    assert told["thinking"] == enabled(127_999)
    assert told["max_tokens"] == 128_000


@pytest.mark.parametrize(
    ("model", "params", "said"),
    [
        (
            "claude-sonnet-4-6",
            {"thinking_budget": 1},
            "clamped thinking_budget (1 -> 1024): accepts 1024 to 3999",
        ),
        (
            "claude-sonnet-4-6",
            {"thinking_budget": 2048, "max_tokens": 1024},
            "dropped thinking_budget (2048): Anthropic takes 1024 at least, and less than max_tokens",
        ),
        (
            "claude-sonnet-4-6",
            {"thinking_budget": 2048, "reasoning_effort": "none"},
            "inapplicable thinking_budget (2048): with reasoning_effort='none' there is no thinking to limit",
        ),
        (
            "claude-opus-4-8",
            {"thinking_budget": 2048},
            "dropped thinking_budget (2048): this model decides itself how much to think",
        ),
        (
            "claude-opus-5",
            {"thinking_budget": 0, "reasoning_effort": "max"},
            "dropped thinking_budget (0): with reasoning_effort='xhigh' or 'max' this model always thinks",
        ),
        (
            "claude-opus-5-5",
            {"thinking_budget": 0},
            "dropped thinking_budget (0): this model always thinks",
        ),
    ],
)
def test_what_becomes_of_a_budget_otherwise_is_said(model, params, said):
    (adjustment,) = adjustments(model, **params)

    assert adjustment.startswith(said)


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        ("claude-haiku-4-5", {"thinking_budget": 2048}),
        ("claude-opus-4-5", {"thinking_budget": 2048}),
        ("claude-opus-4-6", {"thinking_budget": 2048}),
        ("claude-opus-4-6", {"reasoning_effort": "low"}),
    ],
)
def test_a_model_that_thinks_is_not_asked_to_sample(model, thinking):
    told = body(model, temperature=0.7, top_k=5, **thinking)

    assert "temperature" not in told
    assert "top_k" not in told
    assert adjustments(model, temperature=0.7, **thinking)[0] == (
        "dropped temperature (0.7): cannot be combined with thinking"
    )


@pytest.mark.parametrize(
    ("model", "unthinking"),
    [
        ("claude-haiku-4-5", {}),
        ("claude-haiku-4-5", {"reasoning_effort": "high"}),
        ("claude-opus-4-5", {"reasoning_effort": "high"}),
        ("claude-opus-4-5", {"thinking_budget": 2048, "reasoning_effort": "none"}),
        ("claude-opus-4-6", {"reasoning_effort": "none"}),
        ("claude-opus-4-6", {"reasoning_effort": "high", "thinking_budget": 0}),
        ("claude-haiku-4-5", {"thinking_budget": 2048, "max_tokens": 500}),
        ("claude-opus-4-6", {"thinking_budget": 2048, "max_tokens": 900}),
    ],
)
def test_a_model_that_does_not_think_samples(model, unthinking):
    assert (
        body(model, temperature=0.7, top_k=5, **unthinking).items()
        >= {"temperature": 0.7, "top_k": 5}.items()
    )


def test_a_budget_for_which_there_is_no_room_is_all_that_is_lost():
    lost, besides = adjustments("claude-haiku-4-5", thinking_budget=2048, max_tokens=500, temperature=0.5)

    assert lost == "dropped thinking_budget (2048): Anthropic takes 1024 at least, and less than max_tokens"
    assert besides.startswith("translated anthropic-version")


def test_how_to_think_said_in_anthropics_own_words_wins_whole():
    own = {"anthropic": {"thinking": DISABLED}}

    assert body("claude-haiku-4-5", thinking_budget=2048, provider_options=own)["thinking"] == DISABLED
    assert adjustments("claude-haiku-4-5", thinking_budget=2048, provider_options=own)[0].startswith(
        "dropped thinking_budget (2048)"
    )


def test_a_model_that_thinks_takes_the_top_of_top_p():
    assert body("claude-opus-4-6", top_p=0.97, reasoning_effort="low")["top_p"] == 0.97
    assert adjustments("claude-opus-4-6", top_p=0.5, thinking_budget=2048)[0] == (
        "clamped top_p (0.5 -> 0.95): accepts 0.95 to 1"
    )


def test_greedy_decoding_is_lost_while_the_model_thinks():
    assert adjustments("claude-opus-4-6", do_sample=False, reasoning_effort="high")[0] == (
        "dropped do_sample (False): cannot be combined with thinking"
    )


def test_strict_refuses_a_budget_that_the_model_does_not_take(server):
    llm = LLM("anthropic:claude-opus-4-8", base_url=server.url, api_key="sk-made-up", strict=True)

    with pytest.raises(UnsupportedParameter, match="thinking_budget"):
        llm.run("Hi", thinking_budget=2048)
    assert server.requests == []


def test_strict_lets_a_model_be_told_to_think(server):
    server.reply(anthropic_answer("Hello!", thinking="A greeting."))
    llm = LLM("anthropic:claude-opus-4-8", base_url=server.url, api_key="sk-made-up", strict=True)

    assert llm.run("Hi", reasoning_effort="low", max_tokens=50) == "Hello!"
    assert server.requests[0].body["thinking"] == ADAPTIVE


@pytest.fixture
async def llm(server):
    settings = {"base_url": server.url, "api_key": "sk-made-up", "retry": Retry(attempts=1)}
    async with LLM("anthropic:claude-opus-4-6", max_tokens=4000, thinking_budget=2048, **settings) as llm:
        yield llm


@pytest.mark.anyio
async def test_what_was_thought_is_not_part_of_the_answer(llm, server):
    server.reply(anthropic_answer("Red.", thinking="They like short answers.", usage=THOUGHTFUL))

    response = await llm.agenerate("A colour?")

    assert (response.text, response.reasoning) == ("Red.", "They like short answers.")
    assert response.usage == Usage(input_tokens=12, output_tokens=30, reasoning_tokens=20)
    assert response.raw["content"][0]["thinking"] == "They like short answers."


@pytest.mark.anyio
async def test_what_was_thought_is_not_part_of_the_stream(llm, server):
    server.reply(anthropic_stream("Red", ".", thinking="They like short answers.", usage=THOUGHTFUL))

    async with llm.astream("A colour?") as stream:
        pieces = [piece async for piece in stream]

    assert pieces == ["Red", "."]
    assert (stream.response.text, stream.response.reasoning) == ("Red.", "They like short answers.")
    assert stream.response.usage.reasoning_tokens == 20


@pytest.mark.anyio
@pytest.mark.parametrize("after", [2, 4, 5, 6, 8, -1])
async def test_a_stream_that_is_cut_while_the_model_thinks_or_speaks_is_no_answer(llm, server, after):
    server.reply(anthropic_stream("Red", ".", thinking="They like short answers."), cut_after=after)

    with pytest.raises(IncompleteResponse) as raised:
        async with llm.astream("A colour?") as stream:
            async for _ in stream:
                pass

    assert raised.value.text == ("" if 0 < after < 8 else "Red" if after == 8 else "Red.")


@pytest.mark.anyio
async def test_thoughts_are_searched_for_no_stop_token(llm, server):
    server.reply(anthropic_stream("Red, ", "blue\n\ngreen", thinking="First\n\nsecond"))

    response = await llm.agenerate("Colours?", stop_token="\n\n")

    assert response.text == "Red, blue"
    assert response.matched_stop == "\n\n"


@pytest.mark.anyio
async def test_a_refusal_after_thinking_is_an_answer_without_words(llm, server):
    server.reply(anthropic_stream(thinking="Not this.", stop_reason="refusal"))

    response = await llm.agenerate("How?", max_tokens=30_000)

    assert response.text == ""
    assert response.finish_reason == "refusal"
