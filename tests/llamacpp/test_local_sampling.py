"""Which token comes next: compared with an independent computation on the same logits."""

from collections import Counter

import numpy as np
import pytest

from asyncllm_llamacpp._sampler import DEFAULTS, SEEDS, Sampler
from asyncllm_llamacpp._scores import scores

PROMPT = "I went to the"
NEUTRAL = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}


@pytest.fixture
def compute(model, read):
    def compute(text, **how):
        tokens = model.vocabulary.tokens([text], special=False)
        return tokens, read(tokens, **how).astype(np.float64)

    return compute


@pytest.fixture
def logits(compute):
    return compute(PROMPT)[1]


@pytest.fixture
def prompt(model):
    return model.vocabulary.tokens([PROMPT], special=False)


def draws(model, count, prompt=(), **options):
    sampler = Sampler({"seed": 1, **options}, prompt=prompt)
    try:
        return [sampler.choose(scores(model.context.handle, model.vocabulary.size)) for _ in range(count)]
    finally:
        sampler.close()


def expected(logits, *, temperature=0.8, top_k=40, top_p=0.95, min_p=0.05):
    """Hugging Face's warpers, in Hugging Face's order, over the whole vocabulary."""
    logits = logits / temperature
    if top_k:
        logits = np.where(logits < np.sort(logits)[-top_k], -np.inf, logits)
    if top_p < 1:
        order = np.argsort(-logits)
        before = np.cumsum(softmax(logits)[order]) - softmax(logits)[order]
        logits[order[before >= top_p]] = -np.inf
    if min_p:
        probabilities = softmax(logits)
        logits = np.where(probabilities < min_p * probabilities.max(), -np.inf, logits)
    return softmax(logits)


def softmax(logits):
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 2.0},
        {"temperature": 0.4, "top_k": 0, "top_p": 0.6},
        {"temperature": 1.7, "top_k": 30, "top_p": 0.8},
        {"temperature": 1.5, "top_k": 5, "top_p": 1.0},
        {"temperature": 1.3, "top_k": 0, "top_p": 0.5},
    ],
)
def test_the_parameters_make_hugging_faces_distribution(model, logits, options):
    wanted = expected(logits.copy(), **options)
    count = 800
    found = Counter(draws(model, count, **options))
    got = np.array([found[token] / count for token in range(len(wanted))])

    assert set(np.flatnonzero(got)) <= set(np.flatnonzero(wanted))
    assert set(np.flatnonzero(wanted > 0.02)) <= set(np.flatnonzero(got))
    assert np.abs(got - wanted).sum() <= 2.5 * np.sqrt(wanted * (1 - wanted) / count).sum()


def test_the_temperature_comes_before_the_cuts(logits):
    hot = {"temperature": 2.0, "top_k": 0, "top_p": 0.8, "min_p": 0}
    cut_first = np.count_nonzero(expected(logits.copy(), **{**hot, "temperature": 1.0}))

    assert np.count_nonzero(expected(logits.copy(), **hot)) > 2 * cut_first


def test_temperature_0_is_the_likeliest_token_and_so_is_next_to_0(model, logits):
    likeliest = int(np.argmax(logits))

    assert [likeliest] * 3 == draws(model, 3, temperature=0)
    assert [likeliest] * 3 == draws(model, 3, temperature=1e-40)
    assert [likeliest] * 3 == draws(model, 3, temperature=1e-25)


def test_the_repetition_penalty_sees_the_prompt(model, logits, prompt):
    penalized = logits.copy()
    for token in set(prompt):
        penalized[token] = logits[token] / 1.8 if logits[token] > 0 else logits[token] * 1.8
    (token,) = draws(model, 1, prompt=prompt, temperature=0, repetition_penalty=1.8)

    assert int(np.argmax(penalized)) == token


def test_a_prompt_full_of_a_word_makes_a_repetition_penalty_avoid_it(model, compute):
    tokens, logits = compute("ha ha ha ha ha ha ha ha ha ha")
    again = int(np.argmax(logits))
    (token,) = draws(model, 1, prompt=tokens, temperature=0, repetition_penalty=5.0)

    assert again in tokens
    assert token not in tokens


def test_frequency_and_presence_penalties_see_the_answer_only(model, compute):
    tokens, logits = compute("ha ha ha ha ha ha ha ha ha ha")
    first, second = draws(model, 2, prompt=tokens, temperature=0, frequency_penalty=2.0, presence_penalty=2.0)
    penalized = logits.copy()
    penalized[first] -= 2.0 + 2.0

    assert first in tokens
    assert first == int(np.argmax(logits))
    assert second == int(np.argmax(penalized))


def test_a_frequency_penalty_counts(model, logits):
    likeliest = int(np.argmax(logits))
    left = logits.copy()
    wanted = []
    for _ in range(6):
        wanted.append(int(np.argmax(left)))
        left[wanted[-1]] -= 0.7

    assert wanted == draws(model, 6, temperature=0, frequency_penalty=0.7)
    assert wanted.count(likeliest) > 1


def test_a_presence_penalty_counts_once(model, logits):
    left = logits.copy()
    wanted = []
    for _ in range(6):
        wanted.append(int(np.argmax(left)))
        left[wanted[-1]] = logits[wanted[-1]] - 0.7

    assert wanted == draws(model, 6, temperature=0, presence_penalty=0.7)


def test_what_is_not_set_is_llama_cpps_default():
    assert {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05}.items() <= DEFAULTS.items()


def test_every_seed_draws_its_own_way(model, logits):
    ways = {tuple(draws(model, 8, seed=seed, **NEUTRAL)) for seed in (0, 1, 2, SEEDS - 1)}

    assert len(ways) == 4
    assert tuple(draws(model, 8, seed=SEEDS - 1, **NEUTRAL)) in ways


def test_a_top_k_beyond_all_numbers_of_c_is_no_cut(model, logits):
    wide = draws(model, 20, temperature=2.0, top_k=2**32 + 1, top_p=1.0)

    assert wide == draws(model, 20, temperature=2.0, top_k=model.vocabulary.size, top_p=1.0)


def test_a_prompt_read_in_parts_is_read_as_well(compute):
    text = "Once upon a time, in a land far away, there lived a"
    _, in_one = compute(text)
    _, in_parts = compute(text, parts=5)

    assert np.abs(softmax(in_one) - softmax(in_parts)).sum() < 0.1
