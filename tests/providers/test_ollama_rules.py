"""How each parameter reaches Ollama."""

import pytest

from asyncllm import LLM
from asyncllm._vocabulary import PARAMETERS
from asyncllm.rules import completed
from asyncllm_ollama import OllamaProvider

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}

OPTIONS = {
    "frequency_penalty", "main_gpu", "min_p", "num_batch", "num_ctx", "num_gpu", "num_keep", "num_predict",
    "num_thread", "presence_penalty", "repeat_last_n", "repeat_penalty", "seed", "stop", "temperature",
    "top_k", "top_p", "typical_p", "use_mmap",
}  # fmt: skip
"""What Ollama's api/types.go has; it ignores every other."""
KEYS = {
    "model", "messages", "stream", "format", "keep_alive", "tools", "options", "think", "truncate", "shift",
    "logprobs", "top_logprobs",
}  # fmt: skip
PLAIN = {
    "model": "llama3.2",
    "messages": [{"role": "user", "content": "?"}],
    "stream": True,
    "truncate": False,
}


def planned(model="llama3.2", **params):
    """Return what would be sent beyond the task, and what became of each parameter."""
    plan = LLM(model, provider=OllamaProvider, **params).plan("?")
    body = {
        key: value for key, value in plan.sent[0].body.items() if PLAIN.get(key) != value and key != "model"
    }
    return body, {verdict.parameter: verdict for verdict in plan.verdicts}


@pytest.mark.parametrize(
    ("params", "sent", "verdict"),
    [
        ({}, {}, None),
        ({"max_tokens": 9}, {"options": {"num_predict": 9}}, "renamed"),
        ({"temperature": 1.5}, {"options": {"temperature": 1.5}}, "native"),
        ({"top_k": 5}, {"options": {"top_k": 5}}, "native"),
        ({"top_p": 0.5}, {"options": {"top_p": 0.5}}, "native"),
        ({"min_p": 0.1}, {"options": {"min_p": 0.1}}, "native"),
        ({"seed": 7}, {"options": {"seed": 7}}, "native"),
        ({"seed": 2**32 + 6}, {"options": {"seed": 7}}, "translated"),
        ({"frequency_penalty": -1}, {"options": {"frequency_penalty": -1}}, "native"),
        ({"presence_penalty": 1}, {"options": {"presence_penalty": 1}}, "native"),
        ({"repetition_penalty": 1.1}, {"options": {"repeat_penalty": 1.1}}, "renamed"),
        ({"stop_token": "#"}, {"options": {"stop": ["#"]}}, "renamed"),
        ({"stop_token": list("abcdef")}, {"options": {"stop": list("abcdef")}}, "renamed"),
        ({"do_sample": False}, {"options": {"temperature": 0}}, "translated"),
        ({"response_format": "json"}, {"format": "json"}, "renamed"),
        ({"response_format": SCHEMA}, {"format": SCHEMA}, "renamed"),
        ({"logprobs": 0}, {"logprobs": True, "top_logprobs": 0}, "renamed"),
        ({"logprobs": 5}, {"logprobs": True, "top_logprobs": 5}, "renamed"),
        ({"reasoning_effort": "none"}, {"think": False}, "renamed"),
        ({"reasoning_effort": "minimal"}, {"think": "low"}, "clamped"),
        ({"reasoning_effort": "low"}, {"think": "low"}, "renamed"),
        ({"reasoning_effort": "xhigh"}, {"think": "high"}, "clamped"),
        ({"reasoning_effort": "max"}, {"think": "max"}, "renamed"),
        ({"thinking_budget": 0}, {"think": False}, "renamed"),
        ({"thinking_budget": 500}, {}, "dropped"),
        ({"device": "cpu"}, {"options": {"num_gpu": 0}}, "renamed"),
        ({"device": "gpu"}, {"options": {"num_gpu": -1}}, "renamed"),
        ({"device": "auto"}, {"options": {"num_gpu": -1}}, "renamed"),
        ({"device": "cuda:1"}, {"options": {"num_gpu": -1}}, "clamped"),
        ({"logit_bias": {5: 1}}, {}, "dropped"),
        ({"eos_token_id": 5}, {}, "dropped"),
        ({"bos_token_id": 5}, {}, "dropped"),
        ({"pad_token_id": 5}, {}, "inapplicable"),
        ({"num_beams": 4}, {}, "dropped"),
        ({"num_beams": 1}, {}, "native"),
        ({"early_stopping": True}, {}, "inapplicable"),
        ({"length_penalty": 1}, {}, "inapplicable"),
        ({"num_return_sequences": 3}, {}, "emulated"),
        ({"timeout": 5}, {}, "native"),
    ],
    ids=str,
)
def test_what_is_sent_and_what_is_said_of_it(params, sent, verdict):
    body, verdicts = planned(**params)

    assert body == sent
    assert [each.verdict for each in verdicts.values()] == [verdict][: len(params)]


@pytest.mark.parametrize("model", ["gpt-oss:20b", "someone/gpt-oss-safeguard:120b", "GPT-OSS"])
@pytest.mark.parametrize(
    ("params", "sent", "verdict"),
    [
        ({"reasoning_effort": "none"}, {"think": "low"}, "clamped"),
        ({"reasoning_effort": "high"}, {"think": "high"}, "renamed"),
        ({"reasoning_effort": "max"}, {"think": "high"}, "clamped"),
        ({"thinking_budget": 0}, {}, "dropped"),
        ({"thinking_budget": 500}, {}, "dropped"),
    ],
    ids=str,
)
def test_gpt_oss_always_thinks_and_knows_three_levels(model, params, sent, verdict):
    body, verdicts = planned(model, **params)

    assert body == sent
    assert [each.verdict for each in verdicts.values()] == [verdict]


def test_an_effort_wins_over_a_budget():
    body, verdicts = planned(thinking_budget=0, reasoning_effort="high")

    assert body == {"think": "high"}
    assert verdicts["thinking_budget"].verdict == "dropped"


def test_what_is_said_in_ollamas_own_words_wins_and_keeps_the_rest():
    llm = LLM("llama3.2", provider=OllamaProvider, temperature=0.5)
    own = {"options": {"num_ctx": 8192}, "truncate": True}

    body = llm.plan("?", top_k=4, provider_options={"OllamaProvider": own}).sent[0].body

    assert body["options"] == {"temperature": 0.5, "top_k": 4, "num_ctx": 8192}
    assert body["truncate"] is True


@pytest.mark.parametrize("table", OllamaProvider.tables, ids=lambda table: table.name)
def test_nothing_is_sent_that_ollama_would_ignore(table):
    for name, parameter in PARAMETERS.items():
        body = LLM(table.model, provider=OllamaProvider).plan("?", **{name: parameter.sample}).sent[0].body

        assert body.keys() <= KEYS
        assert body.get("options", {}).keys() <= OPTIONS


@pytest.mark.parametrize("table", OllamaProvider.tables, ids=lambda table: table.name)
def test_every_parameter_has_a_row_and_every_loss_a_reason(table):
    rules = completed(OllamaProvider().rules(table.model, {}), "ollama")

    assert PARAMETERS.keys() == rules.keys()
    for name, parameter in PARAMETERS.items():
        applied = rules[name].apply(name, parameter.sample, {name: parameter.sample})
        assert applied.verdict == "native" or applied.reason
        assert applied.reason != "not supported"


def test_a_strict_call_refuses_what_ollama_lacks():
    plan = LLM("llama3.2", provider=OllamaProvider, strict=True).plan("?", logit_bias={5: 1})

    assert "logit_bias" in str(plan.refusal)
