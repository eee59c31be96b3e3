"""Sampling: of the same logits, the distribution that Hugging Face's warpers make."""

import json
from pathlib import Path

import numpy as np
import pytest

from asyncllm_llamacpp._draws import Draws
from asyncllm_llamacpp._native import llama
from asyncllm_llamacpp._sampler import Sampler
from asyncllm_llamacpp._scores import candidates, lent

EXPECTED = json.loads((Path(__file__).parent / "beams" / "expected.json").read_text())["filters"]
LOGITS = [np.array(logits, np.float32) for logits in EXPECTED["logits"]]
NEUTRAL = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "typical_p": 1.0}


def cases():
    for case in EXPECTED["cases"]:
        setting = case["setting"]
        changed = [f"{name}={value}" for name, value in setting.items() if value != NEUTRAL.get(name)]
        yield pytest.param(case, id=f"{'-'.join(changed) or 'neutral'}-{case['logits']}")


def sampled(logits, setting, seen=()):
    """Return the probability that each token has in the end, in the engine's own chain of samplers."""
    sampler = Sampler({**setting, "seed": 1}, prompt=seen)
    changed = sampler._changed(logits)
    left = sampler._left(changed, None)
    chosen = lent(candidates(left, changed[left]))
    llama.llama_sampler_apply(sampler._chain, chosen)
    sampler.close()
    found = np.full(len(logits), -np.inf)
    for at in range(chosen.size):
        found[chosen.data[at].id] = chosen.data[at].logit
    return softmax(found)


def narrowed(logits, setting, seen=()):
    """Return the probability that each token has by the filters that beams are drawn with."""
    row, seen = logits.copy(), list(seen)
    repetition = np.float32(setting.get("repetition_penalty", 1.0))
    row[seen] = np.where(row[seen] < 0, row[seen] * repetition, row[seen] / repetition)
    Draws(1, **{name: setting[name] for name in NEUTRAL}).narrow(row, least=1)
    return softmax(row.astype(np.float64))


def softmax(logits):
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def test_every_filter_is_tried_on_flat_and_on_steep_logits():
    tried = {(case["logits"], name) for case in EXPECTED["cases"] for name in case["setting"]}

    assert tried >= {(at, name) for at in range(3) for name in ("top_k", "typical_p", "repetition_penalty")}


@pytest.mark.parametrize("way", [sampled, narrowed])
@pytest.mark.parametrize("case", [*cases()])
def test_the_distribution_is_hugging_faces(case, way):
    wanted = np.array(case["probabilities"])
    found = way(LOGITS[case["logits"]], case["setting"], case["seen"])

    assert np.flatnonzero(found).tolist() == np.flatnonzero(wanted).tolist()
    assert np.abs(found - wanted).max() < 1e-5


@pytest.mark.parametrize("way", [sampled, narrowed])
def test_the_most_typical_are_found_also_beside_what_is_impossible(way):
    logits = np.array([*np.log([0.4, 0.2, 0.2001, 0.1999]), -200], np.float32)

    assert np.flatnonzero(way(logits, {**NEUTRAL, "typical_p": 0.5})).tolist() == [1, 2, 3]


@pytest.mark.parametrize(("way", "left"), [(sampled, 2), (narrowed, 3)])
def test_of_equal_logits_at_the_edge_hugging_face_takes_all_and_llama_cpp_one(way, left):
    logits = np.array([2, 1, 1, 0], np.float32)

    assert np.count_nonzero(way(logits, {**NEUTRAL, "top_k": 2})) == left
