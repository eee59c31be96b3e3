"""
The SDKs send exactly the body that each rule promises.

One case for each (provider, family, parameter), over a real socket, compared
with ``golden/*.json``. Where a rule is changed on purpose: run with
``--update-golden``, and read the difference.
"""

import json
from pathlib import Path

import pytest

from asyncllm import LLM

GOLDEN = Path(__file__).parent / "golden"

FAMILIES = {
    "openai": [
        "gpt-4.1", "o3", "gpt-5-mini", "gpt-5.1", "gpt-5.2", "gpt-5.6-sol", "gpt-6-luna", "gpt-6.2-astra",
        "gpt-5.5-pro", "gpt-7",
    ],
    "anthropic": [
        "claude-haiku-4-5", "claude-opus-4-5", "claude-sonnet-4-6", "claude-opus-4-8", "claude-opus-5-5",
        "claude-saga-7",
    ],
}  # fmt: skip

CASES = {
    "nothing":                 {},
    "max_tokens":              {"max_tokens": 40},
    "max_tokens too few":      {"max_tokens": 5},
    "max_tokens too many":     {"max_tokens": 900_000},
    "temperature":             {"temperature": 0.7},
    "temperature too high":    {"temperature": 1.5},
    "top_k":                   {"top_k": 5},
    "top_p":                   {"top_p": 0.5},
    "temperature and top_p":   {"temperature": 0.7, "top_p": 0.5},
    "seed":                    {"seed": 7},
    "frequency_penalty":       {"frequency_penalty": 0.5},
    "presence_penalty":        {"presence_penalty": 0.5},
    "repetition_penalty":      {"repetition_penalty": 1.2},
    "stop_token":              {"stop_token": "###"},
    "stop_token, five":        {"stop_token": ["a1", "b2", "c3", "d4", "e5"]},
    "stop_token, white space": {"stop_token": ["###", "\n\n"]},
    "system_prompt":           {"system_prompt": "Be brief."},
    "reasoning_effort":        {"reasoning_effort": "high"},
    "reasoning_effort none":   {"reasoning_effort": "none"},
    "effort none, sampling":   {"reasoning_effort": "none", "temperature": 0.7, "top_p": 0.5},
    "effort high, sampling":   {"reasoning_effort": "high", "temperature": 0.7},
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("provider", "model"), [(provider, model) for provider, models in FAMILIES.items() for model in models]
)
def test_the_wire_holds_what_the_rules_promise(provider, model, case, module_server, settings_for, golden):
    llm = LLM(f"{provider}:{model}", **settings_for(provider, module_server))
    response = llm.generate("Hi", **CASES[case])

    sent = module_server.requests[-1]
    seen = {
        "body": sent.body,
        "api version": sent.headers.get("anthropic-version"),
        "adjustments": [str(adjustment) for adjustment in response.adjustments],
    }
    assert golden(GOLDEN / f"{provider}.json", model, case, seen) == seen


def test_a_compatible_server_gets_the_keys_that_every_such_server_knows(module_server, golden):
    seen = {}
    for case, params in CASES.items():
        llm = LLM("openai:local", base_url=module_server.url + "/v1")
        response = llm.generate("Hi", **params)
        seen[case] = {
            "body": module_server.requests[-1].body,
            "adjustments": [str(adjustment) for adjustment in response.adjustments],
        }
    for case, shown in seen.items():
        assert golden(GOLDEN / "compatible.json", "local", case, shown) == shown


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_nothing_that_was_not_set_is_on_the_wire(path):
    for cases in json.loads(path.read_text()).values():
        for seen in cases.values():
            assert None not in seen["body"].values()
