"""What each specified parameter does to the answers of a real model."""

import pytest

from asyncllm import InvalidParameter

TASK = "Count: one one one"
SHORT = "Say yes or no."
"""What has short answers."""
ONE = 582
"""The token that reads " one", the second of the likeliest answer."""
HOT = {"temperature": 2.0, "top_k": 0, "top_p": 1.0, "min_p": 0}
"""What makes an answer of this model any other than the likeliest."""


@pytest.fixture(scope="module")
def llm(local):
    with local.make() as llm:
        yield llm


@pytest.fixture(scope="module")
def greedy(llm):
    """The likeliest answer, as far as any test goes."""
    return llm.run(TASK, do_sample=False, max_tokens=8)


def test_max_tokens_ends_the_answer(llm):
    for limit in (1, 3):
        response = llm.generate(TASK, max_tokens=limit, temperature=0)

        assert (response.usage.output_tokens, response.finish_reason) == (limit, "length")


def test_max_length_counts_the_prompt_too(llm):
    prompt = llm.generate(TASK, max_tokens=1).usage.input_tokens
    response = llm.generate(TASK, max_length=prompt + 2, max_tokens=50)

    assert response.usage.total_tokens == prompt + 2
    with pytest.raises(InvalidParameter, match="leaves no room"):
        llm.run(TASK, max_length=prompt)


@pytest.mark.parametrize(
    "given",
    [
        {"temperature": 0},
        {"top_k": 1, "temperature": 2.0},
        {"top_p": 0.0, "temperature": 2.0},
        {"do_sample": False, "temperature": 2.0},
    ],
    ids=["temperature", "top_k", "top_p", "do_sample"],
)
def test_at_its_coldest_it_takes_the_likeliest_tokens(llm, greedy, given):
    assert greedy.startswith(llm.run(TASK, seed=1, **given))


def test_where_it_is_hot_it_takes_others(llm, greedy):
    assert not greedy.startswith(llm.run(TASK, seed=1, do_sample=True, **HOT))


def test_a_seed_reproduces_and_another_differs(llm):
    texts = [llm.run(TASK, seed=seed, **HOT) for seed in (7, 7, 8)]

    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize(
    "given",
    [
        {"repition_penalty": 5.0},
        {"repetition_penalty": 5.0},
        {"presence_penalty": 2.0, "max_tokens": 6},
        {"frequency_penalty": -2.0, "max_tokens": 8},
        {"freq_penalty": -2.0, "max_tokens": 8},
        {"role": "system"},
        {"bos_token_id": 2},
        {"system_prompt": "You are a pirate. Arr!"},
    ],
    ids=lambda given: next(iter(given)),
)
def test_what_changes_the_likeliest_answer(llm, greedy, given):
    assert not greedy.startswith(llm.run(TASK, temperature=0, **given))


def test_a_stop_token_cuts_the_answer_before_it(llm):
    response = llm.generate(TASK, temperature=0, stop_token=" one", max_tokens=8)

    assert (response.text, response.finish_reason) == ("One", "stop_sequence")
    assert llm.run(TASK, temperature=0, stop_token=["two", "ne"], max_tokens=8) == "O"


@pytest.mark.parametrize("spelling", ["eos_token_id", "stop_token_id"])
def test_an_end_token_ends_the_answer(llm, spelling):
    response = llm.generate(TASK, temperature=0, **{spelling: ONE})

    assert (response.text, response.finish_reason) == ("One", "stop")


def test_role_assistant_is_the_beginning_of_the_answer(llm):
    assert llm.run("One, two, three,", role="assistant", temperature=0).startswith(" four")


def test_several_sequences_are_the_answers_to_the_seeds_that_follow(llm):
    response = llm.generate(TASK, num_return_sequences=2, seed=7, **HOT)

    assert response.texts == tuple(llm.run(TASK, seed=seed, **HOT) for seed in (7, 8))


@pytest.mark.parametrize("name", ["num_beams", "beam_width"])
def test_one_beam_is_what_there_is_anyway(llm, name):
    assert llm.plan(TASK, **{name: 1}).adjustments == ()


@pytest.mark.parametrize("name", ["num_beams", "beam_width"])
def test_beams_find_several_answers_at_once(llm, name):
    response = llm.generate(SHORT, num_return_sequences=2, max_tokens=6, **{name: 2})

    assert len({*response.texts}) == 2
    assert response.adjustments == ()
    assert response.texts[0] == llm.run(SHORT, max_tokens=6, **{name: 2})


def test_a_length_penalty_favours_long_answers_in_a_beam_search(llm):
    short, long = (llm.run(SHORT, num_beams=4, max_tokens=12, length_penalty=power) for power in (-9, 9))

    assert len(short) < len(long)


def test_early_stopping_ends_a_beam_search_before_longer_answers_are_found(llm):
    given = {"num_beams": 4, "max_tokens": 12, "length_penalty": 9}
    early, late = (llm.run(SHORT, early_stopping=value, **given) for value in (True, "never"))

    assert len(early) < len(late)


def test_a_token_to_fill_up_with_changes_nothing(llm, greedy):
    (adjustment,) = llm.generate(TASK, do_sample=False, pad_token_id=0).adjustments

    assert adjustment.verdict == "inapplicable"
    assert greedy.startswith(llm.run(TASK, do_sample=False, pad_token_id=0))


def test_the_device_is_where_the_model_computes(llm, greedy):
    assert greedy.startswith(llm.run(TASK, do_sample=False, device="cpu"))
