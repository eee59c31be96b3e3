"""What OpenAI's own models take, and what they refuse, by family and by whether they think."""

import pydantic
import pytest

from asyncllm import LLM
from asyncllm._vocabulary import PARAMETERS
from asyncllm.rules import completed
from asyncllm_openai import OpenAIProvider

STRICT = {
    "type": "object",
    "properties": {
        "names": {"type": "array", "items": {"$ref": "#/$defs/name"}},
        "age": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    },
    "required": ["age", "names"],
    "additionalProperties": False,
    "$defs": {
        "name": {
            "type": "object",
            "properties": {"first": {"type": "string"}},
            "required": ["first"],
            "additionalProperties": False,
        }
    },
}


def planned(model, **params):
    plan = LLM(f"openai:{model}", api_key="k", dialect="openai").plan("?", **params)
    body = {name: value for name, value in plan.sent[0].body.items() if name not in {"model", "messages"}}
    return body, {verdict.parameter: verdict.verdict for verdict in plan.verdicts}


@pytest.mark.parametrize("table", OpenAIProvider.tables, ids=lambda table: table.name)
def test_every_table_has_a_row_for_every_parameter(table):
    provider = OpenAIProvider(api_key="k", **table.settings)

    assert PARAMETERS.keys() <= completed(provider.rules(table.model, table.params), "openai").keys()


def test_no_two_tables_have_one_name():
    names = [table.name for table in OpenAIProvider.tables]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("model", "params", "sent"),
    [
        # Told not to think, or not thinking unless told to: it samples as asked.
        ("gpt-5.2", {"reasoning_effort": "none", "top_p": 0.5}, {"reasoning_effort": "none", "top_p": 0.5}),
        (
            "gpt-5.2",
            {"reasoning_effort": "minimal", "top_p": 0.5},
            {"reasoning_effort": "none", "top_p": 0.5},
        ),
        ("gpt-5.2", {"thinking_budget": 0, "top_p": 0.5}, {"reasoning_effort": "none", "top_p": 0.5}),
        ("gpt-5.1", {"top_p": 0.5}, {"reasoning_effort": "none", "top_p": 0.5}),
        ("gpt-5.6-sol", {"logit_bias": {5: 1}}, {"reasoning_effort": "none", "logit_bias": {"5": 1}}),
        ("gpt-5.1", {"do_sample": False}, {"reasoning_effort": "none", "temperature": 0}),
        # Thinking: it does not.
        ("gpt-5.2", {"top_p": 0.5, "temperature": 0.5, "logprobs": 1, "logit_bias": {5: 1}}, {}),
        ("gpt-5.1", {"reasoning_effort": "high", "top_p": 0.5}, {"reasoning_effort": "high"}),
        ("gpt-5.1", {"reasoning_effort": "high", "thinking_budget": 0}, {"reasoning_effort": "high"}),
        ("o3", {"top_p": 0.5, "do_sample": False, "logprobs": 1}, {}),
        ("gpt-6.2-astra", {"thinking_budget": 0}, {}),
        ("gpt-4.1", {"thinking_budget": 0, "reasoning_effort": "none"}, {}),
        ("gpt-4.1", {"logprobs": 0}, {"logprobs": True}),
        ("gpt-4.1", {"num_return_sequences": 3}, {"n": 3}),
        ("o3", {"num_return_sequences": 3}, {}),
        ("o3", {"max_tokens": 5}, {"max_completion_tokens": 16}),
        ("o3", {"max_tokens": 900_000}, {"max_completion_tokens": 100_000}),
        ("gpt-4.1-mini", {"max_tokens": 900_000}, {"max_completion_tokens": 32_768}),
        ("gpt-4o-2024-11-20", {"max_tokens": 900_000}, {"max_completion_tokens": 16_384}),
        ("gpt-5.2", {"max_tokens": 900_000}, {"max_completion_tokens": 128_000}),
        ("gpt-6-luna", {"max_tokens": 1}, {"max_completion_tokens": 1}),
        ("gpt-6-luna", {"max_tokens": 900_000}, {"max_completion_tokens": 128_000}),
        ("gpt-5.4-pro", {"max_tokens": 900_000}, {"max_completion_tokens": 128_000}),
    ],
    ids=str,
)
def test_what_is_sent_depends_on_whether_the_model_thinks(model, params, sent):
    assert planned(model, **params)[0] == sent


@pytest.mark.parametrize(
    ("model", "params", "verdicts"),
    [
        ("gpt-4.1", {"thinking_budget": 0}, {"thinking_budget": "native"}),
        ("gpt-4.1", {"thinking_budget": 100}, {"thinking_budget": "dropped"}),
        ("gpt-5.2", {"thinking_budget": 0}, {"thinking_budget": "renamed"}),
        (
            "gpt-5.2",
            {"thinking_budget": 0, "reasoning_effort": "none"},
            {"thinking_budget": "native", "reasoning_effort": "native"},
        ),
        ("gpt-5.2", {"temperature": 1}, {"temperature": "native"}),
        ("gpt-5.2", {"temperature": 0.5}, {"temperature": "dropped"}),
        ("o3", {"num_return_sequences": 3}, {"num_return_sequences": "emulated"}),
        ("gpt-4.1", {"logit_bias": {5: 1.5}}, {"logit_bias": "clamped"}),
        ("gpt-4.1", {"role": "assistant"}, {"role": "clamped"}),
        ("gpt-5.2", {"role": "assistant"}, {"role": "clamped"}),
        ("gpt-5.2", {"role": "system"}, {"role": "native"}),
        ("gpt-5.1-codex", {"reasoning_effort": "xhigh"}, {"reasoning_effort": "clamped"}),
        ("gpt-5.3-codex", {"reasoning_effort": "xhigh"}, {"reasoning_effort": "native"}),
    ],
    ids=str,
)
def test_verdicts_say_what_became_of_it(model, params, verdicts):
    assert planned(model, **params)[1] == verdicts


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
        {"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": True},
        {"type": "array", "items": {"type": "string"}},
        {**STRICT, "properties": {**STRICT["properties"], "names": {"type": ["object", "null"]}}},
        {**STRICT, "$defs": {"name": {"type": "object"}}},
        {**STRICT, "$ref": "#/$defs/name"},
        {"$ref": "#/$defs/name", "$defs": STRICT["$defs"]},
        {
            **STRICT,
            "properties": {
                **STRICT["properties"],
                "names": {"$ref": "#/$defs/name", "description": "As pydantic puts it."},
            },
        },
        {**STRICT, "allOf": []},
        {**STRICT, "anyOf": []},
        {**STRICT, "properties": {**STRICT["properties"], "age": True}},
    ],
    ids=str,
)
def test_a_schema_that_openai_does_not_hold_an_answer_to_is_a_wish_and_that_is_told(schema):
    body, verdicts = planned("gpt-4.1", response_format=schema)

    assert body["response_format"]["json_schema"] == {"name": "answer", "schema": schema, "strict": False}
    assert verdicts["response_format"] == "clamped"


def test_a_schema_that_openai_holds_an_answer_to_is_sent_as_one():
    body, verdicts = planned("gpt-4.1", response_format=STRICT)

    assert body["response_format"]["json_schema"]["strict"] is True
    assert verdicts["response_format"] == "renamed"


def test_any_json_will_do_where_no_schema_is_given():
    assert planned("gpt-4.1", response_format="json")[0] == {"response_format": {"type": "json_object"}}


class Inner(pydantic.BaseModel):
    name: str


class Outer(pydantic.BaseModel):
    inner: Inner
    others: list[Inner]


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_an_ordinary_pydantic_model_is_held_to_with_its_objects_closed(api):
    plan = LLM("openai:gpt-5.2", api=api, response_format=Outer).plan("hi")

    (said,) = plan.adjustments
    assert (said.verdict, said.reason) == ("translated", "as json_schema, its objects closed to further keys")
    body = plan.sent[0].body
    form = body["response_format"]["json_schema"] if api == "chat" else body["text"]["format"]
    assert form["strict"] is True
    assert form["schema"]["additionalProperties"] is False
    assert form["schema"]["$defs"]["Inner"]["additionalProperties"] is False


def test_a_schema_with_optional_keys_is_a_wish_and_goes_as_it_is():
    class Optional(pydantic.BaseModel):
        name: str = "x"

    plan = LLM("openai:gpt-5.2", response_format=Optional).plan("hi")

    assert [each.verdict for each in plan.adjustments] == ["clamped"]
    assert plan.sent[0].body["response_format"]["json_schema"] == {
        "name": "answer", "schema": Optional.model_json_schema(), "strict": False,
    }  # fmt: skip
