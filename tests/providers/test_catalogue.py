"""
Our tables beside a catalogue that others keep: ``modelparams``.

It describes what each model's API takes. Where it and our tables differ, the
difference is listed here with the reason why we stand by ours; a new one, or one
that is gone, fails.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase

import modelparams

from asyncllm import LLM
from asyncllm._vocabulary import PARAMETERS

SURFACES = {"openai-chat-completions", "anthropic-messages"}

PATHS = {
    "openai": {"temperature": "temperature", "top_p": "top_p", "reasoning_effort": "reasoning_effort"},
    "anthropic": {
        "temperature":            "temperature",
        "top_p":                  "top_p",
        "top_k":                  "top_k",
        "output_config.effort":   "reasoning_effort",
        "thinking.budget_tokens": "thinking_budget",
    },
}  # fmt: skip
"""The catalogue's paths, and our parameters."""

GONE = "retired by Anthropic; whoever still has it behind a gateway says like='claude-opus-4-5'"
CLONED = "the catalogue has another model's entry here; the SDK and the guides say otherwise"
UNTHINKING = "taken with effort none (OpenAI's deployment checklist), which the catalogue does not tell apart"
ELSEWHERE = "open weights, not served by OpenAI: another server has its own dialect, and takes it there"

DIFFERENCES = {
    ("anthropic:claude-3-opus-latest", "*"):          GONE,
    ("anthropic:claude-opus-4-1-*", "*"):             GONE,
    ("anthropic:claude-haiku-4", "*"):                "there never was such a model",
    ("anthropic:claude-haiku-5-5", "output_config*"): "it has levels of effort; the default is medium",
    ("openai:gpt-4", "reasoning_effort"):             CLONED,
    ("openai:gpt-5.2-pro", "reasoning_effort"):       "medium, high and xhigh, says the API's error",
    ("openai:gpt-5.[1-6]*", "to*_p"):                 UNTHINKING,
    ("openai:gpt-5.[1-6]*", "temperature"):           UNTHINKING,
    ("openai:gpt-6-luna", "top_p"):                   UNTHINKING,
    ("openai:gpt-6-astra", "*"):                      CLONED,
    ("openai:gpt-6.1-sol", "*"):                      CLONED,
    ("openai:gpt-oss-*", "*"):                        ELSEWHERE,
}  # fmt: skip
"""Patterns of models and paths, and why we stand by our table."""

ENTRIES = {
    f"{entry.provider}:{entry.model}": entry
    for entry in modelparams.CATALOG
    if entry.provider in {"openai", "anthropic"}
    and entry.api_surface in SURFACES
    and entry.auth_type == "api_key"
    and entry.status != "retired"
}


def flattened(body, prefix=""):
    for key, value in body.items():
        yield prefix + key
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{key}.")


def takes(llm, path, parameter):
    """Say whether a call can send the key at *path*, be it only to a model that is told not to think."""
    contexts = [{}] if parameter == "reasoning_effort" else [{}, {"reasoning_effort": "none"}]
    plans = [llm.plan("hi", **context, **{parameter: PARAMETERS[parameter].sample}) for context in contexts]
    return any(path in set(flattened(plan.sent[0].body)) for plan in plans)


def differences():
    for name, entry in ENTRIES.items():
        llm = LLM(name, **({"api": "chat"} if entry.provider == "openai" else {}))
        listed = {parameter.path for parameter in entry.params}
        for path, parameter in PATHS[entry.provider].items():
            if takes(llm, path, parameter) != (path in listed):
                yield name, path


def test_the_tables_and_the_catalogue_differ_where_we_say_why_and_nowhere_else():
    found = {each: [key for key in DIFFERENCES if all(map(fnmatchcase, each, key))] for each in differences()}

    assert [each for each, reasons in found.items() if not reasons] == []
    assert DIFFERENCES.keys() - {key for keys in found.values() for key in keys} == set()
