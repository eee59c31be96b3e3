"""Every row of Anthropic's tables: complete, in the SDK's own words, and with its reason."""

import pytest
from anthropic.types import OutputConfigParam, ThinkingConfigParam
from anthropic.types.message_create_params import MessageCreateParamsBase
from pydantic import BaseModel, TypeAdapter

from asyncllm import LLM, InvalidParameter, InvalidTask, UnsupportedParameter
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
    assert adjustment.endswith("): Anthropic wants objects without further keys, and few keywords")


def test_a_pydantic_models_schema_is_closed_at_every_depth():
    class Colour(BaseModel):
        name: str

    class Palette(BaseModel):
        colours: list[Colour]

    schema = plan("claude-opus-5", response_format=Palette).sent[0].body["output_config"]["format"]["schema"]

    assert schema["additionalProperties"] is False
    assert schema["$defs"]["Colour"]["additionalProperties"] is False


def schema_for(model, schema):
    """Return the schema that is sent for another, and what is said of it."""
    made = plan(model, response_format=schema)
    (said,) = made.adjustments
    return made.sent[0].body["output_config"]["format"]["schema"], said.verdict, said.reason


@pytest.mark.parametrize(
    ("part", "sent", "lost"),
    [
        (
            {"type": "integer", "minimum": 1, "maximum": 9},
            {"type": "integer", "description": '{"minimum":1,"maximum":9}'},
            "maximum, minimum",
        ),
        (
            {"type": "string", "minLength": 2, "description": "A name."},
            {"type": "string", "description": 'A name.\n\n{"minLength":2}'},
            "minLength",
        ),
        (
            {"type": "string", "format": "colour"},
            {"type": "string", "description": '{"format":"colour"}'},
            "format",
        ),
        (
            {"type": "array", "items": {"type": "string"}, "minItems": 2},
            {"type": "array", "items": {"type": "string"}, "description": '{"minItems":2}'},
            "minItems",
        ),
        (
            {"type": "object", "additionalProperties": {"type": "string"}},
            {
                "type": "object",
                "additionalProperties": False,
                "description": '{"additionalProperties":{"type":"string"}}',
            },
            "additionalProperties",
        ),
        ({"$ref": "#/$defs/x", "maxLength": 3}, {"$ref": "#/$defs/x"}, "maxLength"),
        (
            {"type": "array", "enum": [["red"], []]},
            {"type": "array", "description": '{"enum":[["red"],[]]}'},
            "enum",
        ),
    ],
    ids=str,
)
def test_what_anthropic_does_not_hold_of_a_schema_is_told_the_model_and_the_caller(part, sent, lost):
    whole = {**CLOSED, "properties": {"x": part}}

    assert schema_for("claude-opus-5", whole) == (
        {**CLOSED, "properties": {"x": sent}},
        "clamped",
        f"Anthropic does not hold: {lost}",
    )


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        (
            {"type": ["object", "null"], "properties": {"a": {"type": "string"}}, "title": "T"},
            {
                "title": "T",
                "anyOf": [
                    {
                        "type": "object",
                        "properties": {"a": {"type": "string"}},
                        "additionalProperties": False,
                    },
                    {"type": "null"},
                ],
            },
        ),
        ({"type": ["string", "null"], "enum": ["red", None]}, {"enum": ["red", None]}),
        (
            {"oneOf": [{"type": "string"}, {"type": "null"}], "discriminator": {"propertyName": "x"}},
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
        ),
        ({"type": "string", "default": "red"}, {"type": "string", "description": '{"default":"red"}'}),
        (
            {"properties": {"a": {"type": "string"}}},
            {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False},
        ),
        ({"type": "integer", "minLength": 3}, {"type": "integer"}),
    ],
    ids=str,
)
def test_what_can_be_said_otherwise_of_a_schema_is(part, sent):
    whole = {**CLOSED, "properties": {"x": part}}

    assert schema_for("claude-opus-5", whole)[:2] == ({**CLOSED, "properties": {"x": sent}}, "translated")


def test_what_is_data_in_a_schema_is_left_as_it_is():
    words = {"type": "string", "enum": ["type", "object"]}
    schema = {**CLOSED, "properties": {"type": words, "minimum": {"const": "object"}}}

    assert plan("claude-opus-5", response_format=schema).adjustments == ()
    told, verdict, _ = schema_for(
        "claude-opus-5",
        {**CLOSED, "properties": {"x": {"type": "string", "examples": [{"type": "object"}]}}},
    )
    assert told["properties"]["x"]["description"] == '{"examples":[{"type":"object"}]}'
    assert verdict == "translated"


def test_strict_refuses_a_schema_that_is_not_held():
    whole = {**CLOSED, "properties": {"x": {"type": "integer", "minimum": 1}}}

    with pytest.raises(UnsupportedParameter, match="does not hold: minimum"):
        LLM("anthropic:claude-opus-5", api_key="sk-made-up", strict=True).run("Hi", response_format=whole)


def test_what_is_no_schema_is_an_error():
    with pytest.raises(InvalidParameter, match="is no JSON schema"):
        plan("claude-opus-5", response_format={"type": "object", "properties": ["a"]})


def test_json_without_a_schema_is_not_to_be_had():
    assert only_adjustment("claude-opus-5", response_format="json") == (
        "dropped response_format ('json'): Claude answers in JSON only by a schema: give one"
    )


@pytest.mark.parametrize(
    "model", ["claude-haiku-4-5", "claude-opus-4-5", "claude-opus-4-6", "claude-opus-5-5"]
)
@pytest.mark.parametrize("role", ["assistant", "system", "developer"])
def test_a_text_alone_is_the_users(model, role):
    assert plan(model, role=role).sent[0].body["messages"] == [{"role": "user", "content": "Hi"}]
    assert only_adjustment(model, role=role).startswith(
        f"clamped role ('{role}' -> 'user'): a text alone is the user's; "
    )


def test_how_to_begin_claudes_answer_is_said_where_it_can_be_done():
    assert only_adjustment("claude-haiku-4-5", role="assistant").endswith(
        "; to begin Claude's answer, end a conversation with an assistant's message"
    )
    assert only_adjustment("claude-opus-4-6", role="assistant").endswith(
        "; from Claude 4.6 on, nobody else begins the answer"
    )


@pytest.mark.parametrize("model", ["claude-opus-4-5", "claude-opus-5-5"])
def test_a_conversation_is_sent_as_it_stands(model):
    task = [
        {"role": "assistant", "content": "Hello?"},
        {"role": "user", "content": "Hi"},
        {"role": "user", "content": "Colours?"},
        {"role": "assistant", "content": "Red,"},
    ]

    assert plan(model, task).sent[0].body["messages"] == task
    assert plan(model, task).adjustments == ()


def said(*turns):
    """Return a conversation: ``"user Hi"`` is what the user says."""
    return [dict(zip(("role", "content"), turn.split(" ", 1), strict=True)) for turn in turns]


NO_PLACE = {
    "claude-opus-4-6": "this model takes system messages only before the conversation",
    "claude-opus-4-7": "this model takes system messages only before the conversation",
    "claude-sonnet-5": "this model takes system messages only before the conversation",
    "claude-opus-5-5": "Anthropic takes a system message within the conversation only last, or between",
}
INLINE = ["claude-opus-4-8", "claude-opus-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5-2"]


@pytest.mark.parametrize("model", NO_PLACE)
def test_system_messages_before_the_conversation_go_where_anthropic_has_them(model):
    task = said("system Be brief.", "developer Be kind.", "user Hi")
    body = plan(model, task, system_prompt="Be.").sent[0].body

    assert body["system"] == "Be.\n\nBe brief.\n\nBe kind."
    assert body["messages"] == said("user Hi")
    assert plan(model, task).adjustments == ()


@pytest.mark.parametrize("model", INLINE)
@pytest.mark.parametrize("after", [(), ("assistant Red,",), ("assistant Red.", "user Why?")])
def test_system_messages_within_a_conversation_stay_there_where_the_model_takes_them(model, after):
    task = said("system Be.", "user Hi", "developer Be brief.", "system Be kind.", *after)
    made = plan(model, task, system_prompt="You are.")

    assert made.sent[0].body["system"] == "You are.\n\nBe."
    assert made.sent[0].body["messages"] == [
        *said("user Hi"),
        {"role": "system", "content": "Be brief.\n\nBe kind."},
        *said(*after),
    ]
    assert made.adjustments == ()


@pytest.mark.parametrize("model", NO_PLACE)
def test_system_messages_that_have_no_place_go_before_the_conversation_and_that_is_said(model):
    task = said("user Hi", "assistant Hello.", "system Be brief.", "user Colours?")
    made = plan(model, task)

    assert made.sent[0].body["system"] == "Be brief."
    assert made.sent[0].body["messages"] == said("user Hi", "assistant Hello.", "user Colours?")
    (adjustment,) = made.adjustments
    assert (adjustment.parameter, adjustment.verdict) == ("messages", "clamped")
    assert adjustment.reason.startswith(NO_PLACE[model])


def test_of_several_system_messages_those_stay_that_can():
    task = said("user Hi", "system One.", "assistant Yes?", "system Two.", "user Colours?")
    made = plan("claude-opus-5-5", task)

    assert made.sent[0].body["system"] == "Two."
    assert made.sent[0].body["messages"] == said("user Hi", "system One.", "assistant Yes?", "user Colours?")
    assert [adjustment.verdict for adjustment in made.adjustments] == ["clamped"]


def test_strict_refuses_to_move_a_system_message():
    task = said("user Hi", "system Be brief.")
    settings = {"api_key": "sk-made-up", "max_tokens": 50, "strict": True}

    with pytest.raises(UnsupportedParameter, match="clamped messages"):
        LLM("anthropic:claude-opus-4-6", **settings).run(task)
    assert LLM("anthropic:claude-opus-4-8", **settings).plan(task).adjustments == ()


def test_the_system_alone_asks_nothing():
    with pytest.raises(InvalidTask, match="there are only system messages"):
        plan("claude-opus-5-5", said("system Be brief.", "system Be kind."))
