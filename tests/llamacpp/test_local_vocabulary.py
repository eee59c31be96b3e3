"""What each parameter does to the answer of a model in this process."""

import math

import pytest

from asyncllm import InvalidParameter, Message, RequestRejected, UnsupportedParameter
from asyncllm.provider import Count, Request
from asyncllm_llamacpp import LlamaCppProvider
from asyncllm_llamacpp._prompt import Template

pytestmark = pytest.mark.anyio

STORY = "Tell me a story."
ONE_CHOICE = {"temperature": 1.0, "top_k": 1}


def first_token(model, response):
    (token,) = model.vocabulary.tokens([response.choices[0].logprobs[0].token], special=False)
    return token


async def test_do_sample_false_is_temperature_0_and_true_is_not(llm):
    coldest = await llm.arun(STORY, temperature=0)

    assert coldest == await llm.arun(STORY, do_sample=False)
    assert coldest == await llm.arun(STORY, do_sample=False, temperature=2.0, top_k=0, seed=1)
    assert coldest != await llm.arun(STORY, do_sample=True, temperature=2.0, top_k=0, top_p=1, seed=1)


async def test_what_greedy_decoding_leaves_idle_is_said(llm):
    response = await llm.agenerate(STORY, do_sample=False, temperature=2.0, max_tokens=1)
    (adjustment,) = response.adjustments

    assert (adjustment.parameter, adjustment.verdict) == ("temperature", "inapplicable")


async def test_min_p_1_leaves_the_likeliest_token_only(llm):
    hot = {"temperature": 2.0, "top_k": 0, "top_p": 1, "seed": 3}

    assert await llm.arun(STORY, min_p=1, **hot) == await llm.arun(STORY, temperature=0)


async def test_min_p_0_cuts_nothing_off(llm):
    hot = {"temperature": 2.0, "top_k": 0, "top_p": 1, "seed": 3}

    assert await llm.arun(STORY, min_p=0, **hot) != await llm.arun(STORY, **hot)


async def test_the_greedy_token_is_the_likeliest(llm):
    response = await llm.agenerate(STORY, temperature=0, logprobs=3)
    (choice,) = response.choices

    assert response.adjustments == ()
    assert "".join(each.token for each in choice.logprobs) == choice.text
    for each in choice.logprobs:
        assert len(each.likeliest) == 3
        assert each.likeliest[0] == (each.token, each.logprob)
        assert list(each.likeliest) == sorted(each.likeliest, key=lambda pair: -pair[1])
        assert sum(math.exp(logprob) for _, logprob in each.likeliest) <= 1


async def test_log_probabilities_are_the_models_own_whatever_the_parameters(llm):
    plain = await llm.agenerate(STORY, temperature=0, logprobs=20, max_tokens=1)
    bent = await llm.agenerate(
        STORY, seed=2, temperature=2.0, top_k=5, min_p=0.2, logit_bias={1: -3}, logprobs=20, max_tokens=1
    )

    assert plain.choices[0].logprobs[0].likeliest == bent.choices[0].logprobs[0].likeliest


async def test_logprobs_0_tell_of_the_chosen_tokens_alone(llm):
    choice = (await llm.agenerate(STORY, seed=2, logprobs=0)).choices[0]

    assert all(each.logprob < 0 and each.likeliest == () for each in choice.logprobs)
    assert (await llm.agenerate(STORY, seed=2)).choices[0].logprobs == ()
    assert "".join(each.token for each in choice.logprobs) == choice.text


async def test_log_probabilities_of_held_back_text_come_with_it(llm):
    whole = await llm.agenerate(STORY, temperature=0, logprobs=1)
    nearly = whole.text + "☃"
    response = await llm.agenerate(STORY, temperature=0, logprobs=1, stop_token=nearly)

    assert whole.choices[0].logprobs == response.choices[0].logprobs


async def test_the_tokens_of_a_stop_token_are_not_told(llm):
    whole = await llm.agenerate(STORY, temperature=0, logprobs=1)
    last = whole.choices[0].logprobs[4].token
    response = await llm.agenerate(STORY, temperature=0, logprobs=1, stop_token=last)

    assert "".join(each.token for each in response.choices[0].logprobs) == response.text
    assert len(response.choices[0].logprobs) <= 4


async def test_a_bias_of_minus_100_bans_a_token(llm, model):
    plain = await llm.agenerate(STORY, temperature=0, max_tokens=1, logprobs=2)
    banned = await llm.agenerate(
        STORY, temperature=0, max_tokens=1, logit_bias={first_token(model, plain): -100}
    )

    assert plain.text != banned.text == plain.choices[0].logprobs[0].likeliest[1][0]


async def test_a_bias_of_100_makes_a_token_come(llm, model):
    (token,) = model.vocabulary.tokens([" penguin"], special=False)

    assert await llm.arun(STORY, seed=1, max_tokens=2, logit_bias={token: 100}) == " penguin penguin"


@pytest.mark.parametrize(
    "given",
    [
        {"logit_bias": {49152: 1.0}},
        {"logit_bias": {2**40: 1.0}},
        {"eos_token_id": [1, 49152]},
        {"bos_token_id": 2**70},
    ],
)
async def test_a_token_that_the_model_lacks_is_refused(llm, given):
    (name,) = given
    with pytest.raises(InvalidParameter, match=rf"{name}: the model's tokens are 0 to 49151; got \d+"):
        await llm.arun(STORY, **given)


async def test_eos_token_id_ends_the_answer_too(llm, model):
    whole = await llm.agenerate(STORY, temperature=0, logprobs=0)
    third = whole.choices[0].logprobs[2].token
    (token,) = model.vocabulary.tokens([third], special=False)
    response = await llm.agenerate(STORY, temperature=0, eos_token_id=token)

    assert response.text == whole.text[: whole.text.index(third)]
    assert (response.finish_reason, response.usage.output_tokens) == ("stop", 3)


async def test_the_models_own_end_stays_one(llm):
    response = await llm.agenerate("What is 2+2?", temperature=0, max_tokens=60, eos_token_id=100)

    assert response.finish_reason == "stop"


async def test_bos_token_id_begins_the_prompt(model):
    tokens = model.vocabulary.tokens

    assert tokens(["hello"], special=True, begin=7) == [7, *tokens(["hello"], special=True)]
    assert tokens(["<|im_start|>hello"], special=True, begin=1) == tokens(["<|im_start|>hello"], special=True)


async def test_bos_token_id_stands_in_place_of_the_models_own(model, monkeypatch):
    vocabulary = model.vocabulary
    monkeypatch.setattr(vocabulary, "adds_bos", True)
    own, *rest = vocabulary.tokens(["hello"], special=True)

    assert vocabulary.tokens(["hello"], special=True, begin=7) == [7, *rest]
    assert own != 7


async def test_bos_token_id_counts(llm):
    without = await llm.agenerate(STORY, max_tokens=1)
    response = await llm.agenerate(STORY, max_tokens=1, bos_token_id=0)

    assert response.usage.input_tokens == without.usage.input_tokens + 1
    assert response.adjustments == ()


async def test_max_length_counts_prompt_and_answer_exactly(make_llm):
    llm = make_llm(max_tokens=None)
    prompt = (await llm.agenerate(STORY, max_tokens=1)).usage.input_tokens
    response = await llm.agenerate(STORY, temperature=0, max_length=prompt + 5)

    assert (response.usage.total_tokens, response.finish_reason) == (prompt + 5, "length")
    assert response.adjustments == ()
    assert (await llm.agenerate(STORY, max_length=prompt + 5, max_tokens=3)).usage.output_tokens == 3
    assert (await llm.agenerate(STORY, max_length=prompt + 2, max_tokens=3)).usage.output_tokens == 2


async def test_a_prompt_that_is_as_long_as_max_length_is_refused(llm):
    prompt = (await llm.agenerate(STORY, max_tokens=1)).usage.input_tokens
    with pytest.raises(InvalidParameter, match=f"max_length={prompt} leaves no room .*takes {prompt} tokens"):
        await llm.arun(STORY, max_length=prompt)


async def test_a_prompt_is_counted_exactly(llm, engine, path):
    provider = LlamaCppProvider(threads=1, context_size=512, batch_size=64)
    request = Request(model=str(path), messages=(Message("user", STORY),), options={"max_tokens": 1})
    steps = engine.steps
    count = await provider.count_tokens(request)

    assert steps == engine.steps
    async with provider.stream(request) as deltas:
        usage = [delta.usage async for delta in deltas][-1]
    await provider.aclose()
    assert count == Count(tokens=usage.input_tokens, exact=True)


async def test_several_answers_have_the_seeds_that_follow(llm):
    response = await llm.agenerate(STORY, num_return_sequences=2, seed=5, max_tokens=4)

    assert response.texts == (
        await llm.arun(STORY, seed=5, max_tokens=4),
        await llm.arun(STORY, seed=6, max_tokens=4),
    )


async def test_the_answer_goes_on_from_what_the_assistant_said(llm):
    conversation = [Message("user", "Count to ten."), Message("assistant", "1, 2, 3, 4,")]
    text = await llm.arun(conversation, temperature=0, max_tokens=2)

    assert text == " 5"


async def test_role_assistant_is_the_beginning_of_the_answer(llm):
    response = await llm.agenerate("One, two, three,", role="assistant", temperature=0, max_tokens=2)

    assert response.text.startswith(" four")
    assert response.adjustments == ()


CLOSES = "{% for m in messages %}[{{ m.role }}]{{ m.content | trim }}[end]{% endfor %}"
HIDES = "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}"


async def test_what_closes_the_assistants_message_is_left_out():
    template = Template(CLOSES, bos="", eos="", specials=("[end]",))
    said = (Message("user", "A"), Message("assistant", "B [end] C "))

    assert "".join(template.prompt(said).pieces) == "[user]A[end][assistant]B [end] C "


async def test_a_template_that_does_not_show_the_assistants_message_cannot_go_on():
    template = Template(HIDES, bos="", eos="", specials=())
    with pytest.raises(RequestRejected, match="cannot continue it"):
        template.prompt((Message("user", "A"), Message("assistant", "B")))


async def test_a_developer_is_a_system_by_another_name(llm):
    plan = llm.plan(STORY, role="developer")
    (verdict,) = [each for each in plan.verdicts if each.parameter == "role"]

    assert (verdict.verdict, verdict.sent) == ("renamed", "system")
    assert plan.sent[0].body["messages"][-1]["role"] == "system"


async def test_an_option_that_the_engine_lacks_is_refused_by_name(llm):
    with pytest.raises(InvalidParameter, match=r"no option 'mirostat'; there are: .*grammar, .*typical_p"):
        await llm.arun(STORY, provider_options={"llamacpp": {"mirostat": 2}})


@pytest.mark.parametrize("wrong", [0, 1.5, True, "1", None])
async def test_an_option_is_checked(llm, wrong):
    with pytest.raises(InvalidParameter, match="'typical_p' takes a number above 0 and at most 1"):
        await llm.arun(STORY, provider_options={"llamacpp": {"typical_p": wrong}})


async def test_options_of_other_providers_are_left_alone(llm):
    response = await llm.agenerate(STORY, max_tokens=1, provider_options={"openai": {"user": "x"}})
    (adjustment,) = response.adjustments

    assert (adjustment.verdict, adjustment.reason) == ("inapplicable", "not for this provider: openai")


async def test_typical_p_reaches_the_engine(llm):
    hot = {"temperature": 2.0, "top_k": 0, "top_p": 1, "min_p": 0, "seed": 3}
    typical = {"llamacpp": {"typical_p": 0.05}}

    assert await llm.arun(STORY, **hot) != await llm.arun(STORY, provider_options=typical, **hot)


@pytest.mark.parametrize(
    "given",
    [{"reasoning_effort": "low"}, {"thinking_budget": 100, "num_beams": 2}],
)
async def test_what_the_engine_lacks_is_refused_where_it_matters(make_llm, given):
    llm = make_llm(strict=True)
    with pytest.raises(UnsupportedParameter):
        await llm.arun(STORY, **given)
