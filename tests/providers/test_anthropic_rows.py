"""Every row of Anthropic's tables: complete, in the SDK's own words, and with its reason."""

import pytest
from anthropic.types import OutputConfigParam, ThinkingConfigParam
from anthropic.types.message_create_params import MessageCreateParamsBase
from pydantic import BaseModel, TypeAdapter

from asyncllm import LLM
from asyncllm._vocabulary import PARAMETERS
from asyncllm.rules import completed
from asyncllm_anthropic import AnthropicProvider

SAMPLING = {"temperature", "top_p", "top_k"}
"""No longer in the SDK's types, and taken under the older version of the API."""
CLOSED = {"type": "object", "properties": {"colour": {"type": "string"}}, "additionalProperties": False}
OPEN = {"type": "object", "properties": {"colour": {"type": "string"}}}


def plan(model, task="Hi", **params):
    return LLM(f"anthropic:{model}", max_tokens=4000, api_key="sk-made-up").plan(task, **params)


def only_adjustment(model, **params):
    (adjustment,) = plan(model, **params).adjustments
    return str(adjustment)


@pytest.fixture(params=AnthropicProvider.tables, ids=lambda table: table.name)
def table(request):
    return request.param


def tried(table):
    """Yield each parameter's name, and what comes of an ordinary value under *table*."""
    llm = LLM(f"anthropic:{table.model}", api_key="sk-made-up", **table.settings)
    samples = {name: parameter.sample for name, parameter in PARAMETERS.items()}
    samples["provider_options"] = {"anthropic": {"metadata": {"user_id": "u"}}}
    for name, sample in samples.items():
        yield name, llm.plan("Hi", **{**table.params, name: sample})


def test_a_table_has_a_row_for_every_parameter(table):
    rules = AnthropicProvider(**table.settings).rules(table.model, table.params)

    assert completed(rules, "anthropic").keys() >= PARAMETERS.keys()


def test_what_is_not_done_just_as_asked_has_a_reason_of_its_own(table):
    for _, plan in tried(table):
        assert {"", "not supported"}.isdisjoint(adjustment.reason for adjustment in plan.adjustments)


def test_what_is_sent_has_names_and_forms_of_the_sdk(table):
    for name, plan in tried(table):
        sent = plan.sent[0].body
        dated = SAMPLING if name in SAMPLING | {"do_sample"} else set()

        assert sent.keys() <= MessageCreateParamsBase.__annotations__.keys() | {"stream"} | dated
        if "thinking" in sent:
            assert TypeAdapter(ThinkingConfigParam).validate_python(sent["thinking"]) == sent["thinking"]
        if "output_config" in sent:
            config = sent["output_config"]
            assert TypeAdapter(OutputConfigParam).validate_python(config) == config


@pytest.mark.parametrize(("model", "most"), [("claude-haiku-4-5", 64_000), ("claude-haiku-5-5", 128_000)])
def test_max_tokens_is_the_models_own_at_most_and_where_none_is_asked(model, most):
    llm = LLM(f"anthropic:{model}", api_key="sk-made-up")

    assert llm.plan("Hi").sent[0].body["max_tokens"] == most
    assert llm.plan("Hi", max_tokens=500_000).sent[0].body["max_tokens"] == most


@pytest.mark.parametrize(
    "model", ["claude-haiku-4-5", "claude-opus-4-5", "claude-opus-4-8", "claude-opus-5-5"]
)
def test_a_schema_goes_into_the_output_config_beside_the_effort(model):
    sent = plan(model, response_format=CLOSED, reasoning_effort="low").sent[0].body

    assert sent["output_config"]["format"] == {"type": "json_schema", "schema": CLOSED}
    assert sent["output_config"].get("effort") == (None if model == "claude-haiku-4-5" else "low")


def test_a_schema_is_closed_and_that_is_said():
    adjustment = only_adjustment("claude-opus-5", response_format=OPEN)

    assert (
        plan("claude-opus-5", response_format=OPEN).sent[0].body["output_config"]["format"]["schema"]
        == CLOSED
    )
    assert adjustment.startswith("translated response_format (")
    assert adjustment.endswith("): Anthropic wants objects without further keys")


def test_a_pydantic_models_schema_is_closed_at_every_depth():
    class Colour(BaseModel):
        name: str

    class Palette(BaseModel):
        colours: list[Colour]

    schema = plan("claude-opus-5", response_format=Palette).sent[0].body["output_config"]["format"]["schema"]

    assert schema["additionalProperties"] is False
    assert schema["$defs"]["Colour"]["additionalProperties"] is False


def test_a_schema_that_says_what_further_keys_it_takes_is_left_to_the_api():
    told = {"type": "object", "additionalProperties": {"type": "string"}}

    assert plan("claude-opus-5", response_format=told).adjustments == ()


def test_json_without_a_schema_is_not_to_be_had():
    assert only_adjustment("claude-opus-5", response_format="json") == (
        "dropped response_format ('json'): Claude answers in JSON only by a schema: give one"
    )


@pytest.mark.parametrize(
    ("model", "params", "role"),
    [
        ("claude-haiku-4-5", {}, "assistant"),
        ("claude-opus-4-5", {"thinking_budget": 0}, "assistant"),
        ("claude-opus-4-5", {"thinking_budget": 2048}, "user"),
        ("claude-opus-4-5", {"response_format": CLOSED}, "user"),
        ("claude-opus-4-6", {}, "user"),
        ("claude-opus-5-5", {}, "user"),
    ],
)
def test_the_assistant_says_the_task_only_where_it_may_begin_the_answer(model, params, role):
    assert plan(model, role="assistant", **params).sent[0].body["messages"] == [
        {"role": role, "content": "Hi"}
    ]


@pytest.mark.parametrize("role", ["system", "developer"])
def test_the_system_alone_asks_nothing(role):
    assert only_adjustment("claude-haiku-4-5", role=role) == (
        f"clamped role ('{role}' -> 'user'): the last word before Claude's answer is the user's"
    )


def test_a_conversation_is_sent_as_it_stands():
    task = [
        {"role": "assistant", "content": "Hello?"},
        {"role": "user", "content": "Hi"},
        {"role": "user", "content": "Colours?"},
        {"role": "assistant", "content": "Red,"},
    ]

    assert plan("claude-opus-4-5", task).sent[0].body["messages"] == task
