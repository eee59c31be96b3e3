"""
Our wire names are those of the installed SDKs.

Whatever key a table may send is one that the SDK's own types know, and whatever
key the types know is either sent by a table or listed here with the reason why
not: an upgrade of an SDK that drops or adds one fails here first.
"""

import typing

import pytest
from anthropic.types import message_create_params as messages
from anthropic.types.model import Model as ClaudeModel
from anthropic.types.output_config_param import OutputConfigParam
from openai.types.chat import completion_create_params as chat
from openai.types.responses import response_create_params as responses
from openai.types.shared import all_models, chat_model, reasoning_effort

from asyncllm import LLM
from asyncllm._vocabulary import EFFORTS, PARAMETERS
from asyncllm_anthropic import AnthropicProvider
from asyncllm_openai import OpenAIProvider

FRAME = {"model", "messages", "input", "instructions", "stream", "stream_options", "store"}
"""What every request consists of, apart from parameters."""

ELSEWHERE = "for provider_options: no other provider has it"
TOOLS = "tools are not part of the vocabulary"
MEDIA = "texts only"
STATE = "conversations are the caller's, not the server's"
OLDER = "the older name of another key"

UNSENT = {
    "chat": {
        "audio":                  MEDIA,
        "function_call":          OLDER,
        "functions":              OLDER,
        "max_tokens":             OLDER,
        "metadata":               ELSEWHERE,
        "modalities":             MEDIA,
        "moderation":             ELSEWHERE,
        "parallel_tool_calls":    TOOLS,
        "prediction":             ELSEWHERE,
        "prompt_cache_key":       ELSEWHERE,
        "prompt_cache_options":   ELSEWHERE,
        "prompt_cache_retention": ELSEWHERE,
        "safety_identifier":      ELSEWHERE,
        "service_tier":           ELSEWHERE,
        "tool_choice":            TOOLS,
        "tools":                  TOOLS,
        "user":                   OLDER,
        "verbosity":              ELSEWHERE,
        "web_search_options":     TOOLS,
    },
    "responses": {
        "access_programs":        ELSEWHERE,
        "background":             STATE,
        "background_options":     STATE,
        "context_management":     STATE,
        "conversation":           STATE,
        "image":                  MEDIA,
        "max_tool_calls":         TOOLS,
        "metadata":               ELSEWHERE,
        "moderation":             ELSEWHERE,
        "parallel_tool_calls":    TOOLS,
        "previous_response_id":   STATE,
        "prompt":                 STATE,
        "prompt_cache_key":       ELSEWHERE,
        "prompt_cache_options":   ELSEWHERE,
        "prompt_cache_retention": ELSEWHERE,
        "safety_identifier":      ELSEWHERE,
        "service_tier":           ELSEWHERE,
        "tool_choice":            TOOLS,
        "tools":                  TOOLS,
        "truncation":             "its default, disabled, is that of Chat Completions",
        "user":                   OLDER,
    },
    "messages": {
        "cache_control":   ELSEWHERE,
        "container":       TOOLS,
        "diagnostics":     ELSEWHERE,
        "inference_geo":   ELSEWHERE,
        "metadata":        ELSEWHERE,
        "service_tier":    ELSEWHERE,
        "speed":           ELSEWHERE,
        "tool_choice":     TOOLS,
        "tools":           TOOLS,
        "user_profile_id": ELSEWHERE,
        "workspace_id":    ELSEWHERE,
    },
}  # fmt: skip


def keys(*types):
    return {key for each in types for key in typing.get_type_hints(each)}


def literals(kind):
    """Return the words of a type, however it is put together."""
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is typing.Literal:
        return set(arguments)
    return set().union(*map(literals, arguments)) if arguments else set()


def sent(provider, cls, belongs):
    """Return the keys of the body that any of a provider's tables can make."""
    found = set()
    for table in filter(belongs, cls.tables):
        llm = LLM(f"{provider}:{table.model}", **table.settings)
        for name, parameter in PARAMETERS.items():
            context = {"num_beams": 4} if name in {"length_penalty", "early_stopping"} else {}
            plan = llm.plan("hi", **{**context, **table.params, name: parameter.sample})
            found |= plan.sent[0].body.keys()
    return found - FRAME


def is_chat(table):
    return table.settings.get("dialect", "openai") == "openai" and table.settings.get("api") != "responses"


def is_responses(table):
    return table.settings.get("api") == "responses"


def is_current(table):
    return table.settings.get("api_version") == "2026-10-21"


SURFACES = {
    "chat":      ("openai", OpenAIProvider, is_chat, keys(chat.CompletionCreateParamsBase)),
    "responses": ("openai", OpenAIProvider, is_responses, keys(responses.ResponseCreateParamsBase)),
    "messages":  ("anthropic", AnthropicProvider, is_current, keys(messages.MessageCreateParamsBase)),
}  # fmt: skip


@pytest.mark.parametrize("surface", SURFACES)
def test_every_key_that_is_sent_is_one_of_the_sdks(surface):
    provider, cls, belongs, known = SURFACES[surface]

    assert sent(provider, cls, belongs) <= known


@pytest.mark.parametrize("surface", SURFACES)
def test_every_key_of_the_sdks_is_sent_or_left_out_for_a_reason(surface):
    provider, cls, belongs, known = SURFACES[surface]

    assert known - FRAME - sent(provider, cls, belongs) == set(UNSENT[surface])


def test_the_levels_of_effort_are_openais():
    assert set(EFFORTS) == literals(reasoning_effort.ReasoningEffort)


def test_every_level_of_anthropics_effort_can_be_asked_for():
    assert literals(typing.get_type_hints(OutputConfigParam)["effort"]) <= set(EFFORTS)


RETIRED = (
    *("claude-3", "claude-2", "claude-opus-4-0", "claude-opus-4-1", "claude-opus-4-2"),
    *("claude-sonnet-4-0", "claude-sonnet-4-2"),
)

MODELS = {
    *(f"openai:{model}" for model in literals(chat_model.ChatModel) | literals(all_models.AllModels)),
    *(f"anthropic:{model}" for model in literals(ClaudeModel) if not model.startswith(RETIRED)),
}


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_that_the_sdks_know_has_a_family(name):
    verdicts = LLM(name).plan("hi").verdicts

    assert not [verdict.reason for verdict in verdicts if "in no table" in verdict.reason]
