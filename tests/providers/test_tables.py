"""
Every parameter has a verdict in every table of every provider, and the wire holds what it says.

One case for each (provider, surface, family, parameter), over a real socket
through the real SDKs, compared with ``golden/*.json``. Where a rule is changed on
purpose: run with ``--update-golden``, and read the difference.
"""

import json
from pathlib import Path
from typing import get_args

import pytest

from asyncllm import LLM, Verdict
from asyncllm._registry import load
from asyncllm._vocabulary import PARAMETERS

GOLDEN = Path(__file__).parent / "golden"

PROVIDERS = ("anthropic", "llamacpp", "ollama", "openai")

TABLES = [(provider, table) for provider in PROVIDERS for table in load(provider).tables]

BEAMS = {"num_beams": 4}

OWN = {**{name: {"extra": [None, 1]} for name in PROVIDERS}, "llamacpp": {"typical_p": 0.9}}

CASES = {
    "nothing":                       {},
    **{name: {name: parameter.sample} for name, parameter in PARAMETERS.items()},
    "length_penalty":                {"length_penalty": 1.5, **BEAMS},
    "early_stopping":                {"early_stopping": True, **BEAMS},
    "provider_options":              {"provider_options": OWN},
    "max_tokens too few":            {"max_tokens": 1},
    "max_tokens too many":           {"max_tokens": 900_000},
    "temperature too high":          {"temperature": 2},
    "temperature and top_p":         {"temperature": 0.7, "top_p": 0.5},
    "do_sample":                     {"do_sample": False},
    "do_sample and temperature":     {"do_sample": False, "temperature": 0.7, "top_p": 0.9},
    "stop_token, five":              {"stop_token": ["a1", "b2", "c3", "d4", "e5"]},
    "stop_token, white space":       {"stop_token": ["###", "\n\n"]},
    "role assistant":                {"role": "assistant"},
    "reasoning_effort none":         {"reasoning_effort": "none"},
    "reasoning_effort max":          {"reasoning_effort": "max"},
    "effort none and temperature":   {"reasoning_effort": "none", "temperature": 0.7},
    "effort high and temperature":   {"reasoning_effort": "high", "temperature": 0.7},
    "thinking_budget none":          {"thinking_budget": 0},
    "thinking_budget and max_tokens": {"thinking_budget": 2048, "max_tokens": 1500},
    "thinking_budget, temperature":  {"thinking_budget": 2048, "temperature": 0.7},
    "response_format json":          {"response_format": "json"},
    "response_format and effort":    {"response_format": "json", "reasoning_effort": "high"},
    "num_beams 1":                   {"num_beams": 1},
    "num_return_sequences 1":        {"num_return_sequences": 1},
    "beams and sequences":           {"num_beams": 4, "num_return_sequences": 2},
    "logprobs 0":                    {"logprobs": 0},
}  # fmt: skip


def ids(value):
    return value if isinstance(value, str) else value.name


def asked(table, case):
    return {**table.params, **CASES[case]}


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_names_its_tables_and_none_twice(name):
    names = [table.name for table in load(name).tables]

    assert names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("provider", "table"), TABLES, ids=ids)
def test_no_parameter_is_without_a_verdict_and_none_is_lost_without_a_reason(provider, table):
    llm = LLM(f"{provider}:{table.model}", **table.settings)
    for parameter in PARAMETERS:
        plan = llm.plan("hi", **asked(table, parameter))
        verdict = next(each for each in plan.verdicts if each.parameter == parameter)

        assert verdict.verdict in get_args(Verdict), parameter
        assert verdict.verdict == "native" or verdict.reason not in {"", "not supported"}, parameter
        if verdict.verdict in {"dropped", "inapplicable"}:
            assert verdict.sent is None, parameter
            assert parameter not in plan.sent[0].body


@pytest.mark.parametrize(("provider", "table"), TABLES, ids=ids)
def test_every_case_is_planned_as_the_golden_file_has_it(provider, table, golden):
    llm = LLM(f"{provider}:{table.model}", **table.settings)
    plans = {case: llm.plan("Hi", **asked(table, case)) for case in CASES}
    base = plans["nothing"].sent[0].body
    seen = json.loads(
        json.dumps({"nothing": base, **{case: shown(plan, base) for case, plan in plans.items()}})
    )

    assert golden(GOLDEN / f"{provider}.json", table.name, seen) == seen


@pytest.mark.slow
@pytest.mark.parametrize(("provider", "table"), [each for each in TABLES if each[0] != "llamacpp"], ids=ids)
def test_what_the_sdk_sends_is_what_the_plan_says(provider, table, module_server, settings_for):
    own = {name: value for name, value in table.settings.items() if name != "base_url"}
    with LLM(f"{provider}:{table.model}", **{**settings_for(provider, module_server), **own}) as llm:
        for case in CASES:
            module_server.requests.clear()
            llm.generate("Hi", **asked(table, case))
            plan = llm.plan("Hi", **asked(table, case))

            path = plan.sent[0].to.removeprefix("POST ")
            sent = [each for each in module_server.requests if each.path.endswith(path)]
            assert in_order(each.body for each in sent) == in_order(each.body for each in plan.sent), case
            assert sent[0].headers.items() >= plan.sent[0].headers.items(), case


def in_order(bodies):
    """Return *bodies* in an order of their own, without what only says that they come as streams."""
    how = {"stream", "stream_options"}
    return sorted(
        json.dumps({k: v for k, v in body.items() if k not in how}, sort_keys=True) for body in bodies
    )


def shown(plan, base):
    """Return what a plan says, beside the body that nothing but the task makes."""
    body = plan.sent[0].body
    return {
        "adds": {key: value for key, value in body.items() if base.get(key) != value},
        **({"lacks": sorted(base.keys() - body.keys())} if base.keys() - body.keys() else {}),
        **({"times": len(plan.sent)} if len(plan.sent) > 1 else {}),
        **({"headers": plan.sent[0].headers} if plan.sent[0].headers else {}),
        "says": [
            f"{each.verdict} {each.parameter}" + (f": {each.reason}" if each.reason else "")
            for each in plan.verdicts
        ],
    }


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_nothing_that_was_not_set_is_on_the_wire(path):
    for cases in json.loads(path.read_text()).values():
        for case, seen in cases.items():
            if case != "provider_options":
                assert None not in seen.get("adds", seen).values()
