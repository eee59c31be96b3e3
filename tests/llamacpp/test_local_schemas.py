"""Answers that fit a schema, or a grammar."""

import json

import pytest

from asyncllm import InvalidParameter, RequestRejected
from asyncllm_llamacpp._grammar import Grammar
from asyncllm_llamacpp._schema import grammar

pytestmark = pytest.mark.anyio

PERSON = {
    "type": "object",
    "properties": {
        "mood": {"enum": ["glad", 'so "so"', None, 3]},
        "age": {"type": ["integer", "null"]},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 5}, "maxItems": 2},
        "home": {"$ref": "#/$defs/Home"},
    },
    "required": ["mood", "age", "home"],
    "additionalProperties": False,
    "$defs": {
        "Home": {"type": "object", "properties": {"is_big": {"type": "boolean"}}, "required": ["is_big"]}
    },
}


def fits(model, schema, text):
    """Whether *text* is an answer that the grammar of *schema* lets come, and end."""
    kept = Grammar(model.vocabulary, schema if isinstance(schema, str) else grammar(schema)[0])
    try:
        for token in model.vocabulary.tokens([text], special=False):
            if token not in kept.fitting():
                return False
            kept.accept(token)
        return any(model.vocabulary.ends(int(token)) for token in kept.fitting())
    finally:
        kept.close()


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({}, ['{"a": [1, -2.5e3, null, "x"]}', "true", '""'], ["tru", "{a: 1}", "[1,]", "01", '"a\nb"']),
        ({"type": "integer"}, ["0", "-7", "123"], ["1.5", "007", '"1"', "-"]),
        ({"type": ["string", "null"]}, ['"x"', "null", '"é🦜\\n"'], ["1", "nul"]),
        ({"enum": ["a", 'b"\\', 1]}, ['"a"', '"b\\"\\\\"', "1"], ["a", '"b"', "2"]),
        ({"type": ["string", "null"], "enum": ["a", None]}, ['"a"', "null"], ['"b"']),
        ({"const": {"a": 1}}, ['{"a": 1}'], ['{"a": 2}', "{}"]),
        ({"anyOf": [{"type": "boolean"}, {"const": 0}]}, ["true", "0"], ["1", "null"]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ['"ab"', '"äöü"'], ['"a"', '"abcd"']),
        ({"type": "string", "format": "date"}, ['"2026-11-22"'], ['"2026-13-01"', '"today"']),
        ({"type": "array", "items": {"type": "integer"}}, ["[]", "[1]", "[1, 2, 3]"], ["[a]", "[1,,2]"]),
        (
            {"type": "array", "minItems": 2, "maxItems": 3},
            ["[1, 2]", "[1, 2, 3]"],
            ["[]", "[1]", "[1, 2, 3, 4]"],
        ),
        ({"type": "array", "minItems": 1, "maxItems": 1}, ["[1]"], ["[]", "[1, 2]"]),
        (
            {"prefixItems": [{"const": 1}, {"const": 2}], "items": False},
            ["[1, 2]"],
            ["[1]", "[2, 1]", "[1, 2, 3]"],
        ),
        ({"type": "array", "items": False}, ["[]"], ["[1]"]),
        ({"type": "object"}, ["{}", '{"a": {}}'], ["[]", "{", '{"a"}']),
        ({"type": "object", "additionalProperties": False}, ["{}"], ['{"a": 1}']),
        ({"additionalProperties": {"type": "integer"}}, ["{}", '{"a": 1, "b": 2}'], ['{"a": "b"}']),
        ({"type": "object", "required": ["a"]}, ['{"a": 1}'], ["{}", '{"b": 1}']),
        (
            {"properties": {"a": {"const": 1}, "b": {"const": 2}, "c": {"const": 3}}, "required": ["b"]},
            ['{"b": 2}', '{"a": 1, "b": 2}', '{"b": 2, "c": 3}', '{"a": 1, "b": 2, "c": 3}'],
            ["{}", '{"a": 1}', '{"b": 2, "d": 4}', '{"b": 2,}', '{, "b": 2}', '{"b": 2 "c": 3}'],
        ),
        (
            {"properties": {"a": {"const": 1}, "b": {"const": 2}}},
            ["{}", '{"a": 1}', '{"b": 2}', '{"a": 1, "b": 2}'],
            ['{"a": 1,}', '{"a": 1 "b": 2}'],
        ),
        (
            {
                "$ref": "#/$defs/a~1b",
                "$defs": {"a/b": {"anyOf": [{"const": 1}, {"items": {"$ref": "#/$defs/a~1b"}}]}},
            },
            ["1", "[]", "[1, [1, []]]"],
            ["2", "[2]"],
        ),
        ({"allOf": [{"type": "boolean"}]}, ["true"], ["1"]),
    ],
    ids=str,
)
async def test_a_grammar_lets_through_what_fits_its_schema(model, schema, good, bad):
    assert [text for text in good if not fits(model, schema, text)] == []
    assert [text for text in bad if fits(model, schema, text)] == []


@pytest.mark.parametrize(
    ("schema", "left_out"),
    [
        (PERSON, []),
        ({"type": "integer", "minimum": 3, "title": "N"}, ["minimum"]),
        ({"type": "string", "pattern": "^a$", "format": "email"}, ["format", "pattern"]),
        ({"oneOf": [{"const": 1}, {"const": 2}]}, ["oneOf"]),
        ({"allOf": [{"type": "object"}, {"required": ["a"]}]}, ["allOf"]),
        (
            {"$ref": "#/$defs/A", "properties": {}, "$defs": {"A": {"uniqueItems": True}}},
            ["properties", "uniqueItems"],
        ),
        ({"type": "array", "maxItems": 10**6}, ["maxItems"]),
    ],
)
async def test_what_a_grammar_does_not_hold_is_named(schema, left_out):
    assert left_out == grammar(schema)[1]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "float"}, "a type that JSON lacks: 'float'"),
        ({"type": 3}, "is no JSON schema"),
        ({"enum": []}, "a part that nothing fits"),
        ({"properties": {"a": False}}, "a part that nothing fits"),
        ({"properties": {"a": 3}}, "3 stands for one"),
        (
            {"$ref": "https://example.com/schema"},
            "refers to 'https://example.com/schema', which is not within",
        ),
        ({"$ref": "#/$defs/missing"}, "which is not within it"),
        ({"type": "array", "minItems": 3, "maxItems": 2}, "at least 3 items, and at most 2"),
    ],
    ids=str,
)
async def test_what_is_no_schema_is_refused_before_anything_is_asked(llm, engine, schema, words):
    with pytest.raises(InvalidParameter, match=words):
        llm.plan("Hi.", response_format=schema)


async def test_an_answer_fits_its_schema_however_hot_it_is_sampled(llm):
    hot = {"temperature": 2.0, "top_k": 0, "top_p": 1, "min_p": 0, "max_tokens": 150}
    response = await llm.agenerate("Who are you?", response_format=PERSON, seed=1, **hot)
    answer = json.loads(response.text)

    assert response.finish_reason == "stop"
    assert response.adjustments == ()
    assert next(iter(answer)) == "mood"
    assert answer["mood"] in PERSON["properties"]["mood"]["enum"]
    assert answer["age"] is None or isinstance(answer["age"], int)
    assert isinstance(answer["home"]["is_big"], bool)


async def test_each_answer_of_a_beam_search_fits_its_schema(llm):
    given = {"num_beams": 2, "num_return_sequences": 2, "max_tokens": 30}
    response = await llm.agenerate("Are you big?", response_format=PERSON["$defs"]["Home"], **given)

    assert response.adjustments == ()
    assert len(set(response.texts)) == 2
    assert all(isinstance(json.loads(text)["is_big"], bool) for text in response.texts)


async def test_any_json_is_an_object(llm):
    task = 'Reply with {"name": "Bello"} and nothing else.'
    response = await llm.agenerate(task, response_format="json", temperature=0, max_tokens=40)

    assert json.loads(response.text) == {"name": "Bello"}


async def test_a_schema_that_a_grammar_does_not_hold_in_full_is_reported(llm):
    schema = {"type": "integer", "minimum": 5}
    response = await llm.agenerate("How many?", response_format=schema, temperature=0)
    (adjustment,) = response.adjustments

    assert isinstance(json.loads(response.text), int)
    assert (adjustment.verdict, adjustment.reason) == (
        "clamped",
        "as a grammar, which does not hold: minimum",
    )


async def test_a_grammar_of_the_callers_own_is_kept(llm):
    answer = 'root ::= "yes" | "no"'
    response = await llm.agenerate(
        "Is it raining?", provider_options={"llamacpp": {"grammar": answer}}, temperature=2.0, logprobs=1
    )

    assert response.text in {"yes", "no"}
    assert response.finish_reason == "stop"


async def test_log_probabilities_under_a_grammar_are_still_the_models_own(llm):
    free = await llm.agenerate("Hi.", temperature=0, logprobs=3, max_tokens=1)
    kept = await llm.agenerate("Hi.", temperature=0, logprobs=3, max_tokens=1, response_format="json")

    assert free.choices[0].logprobs[0].likeliest == kept.choices[0].logprobs[0].likeliest


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("root ::= missing", "does not accept the grammar"),
        ('root ::= root "a" | "b"', "left recursion"),
        ('other ::= "a"', "does not contain a 'root' symbol"),
        ("root ::= " + "(" * 5000 + '"a"' + ")" * 5000, "brackets within brackets, over 200 deep"),
        ('root ::= "a"\0', "none of them a zero byte"),
    ],
)
async def test_what_is_no_grammar_is_an_error_of_ours(llm, text, words):
    with pytest.raises(InvalidParameter, match=words):
        await llm.arun("Hi.", provider_options={"llamacpp": {"grammar": text}})

    assert await llm.arun("Hi.", max_tokens=1)


async def test_a_grammar_that_leads_nowhere_is_an_error_of_ours(llm):
    nowhere = {"llamacpp": {"grammar": "root ::= [^\\x00-\\U0010FFFF]"}}
    with pytest.raises(RequestRejected, match="no token of the model's fits"):
        await llm.arun("Hi.", provider_options=nowhere)

    assert await llm.arun("Hi.", max_tokens=1)


async def test_a_grammar_and_a_schema_at_once_are_refused(llm):
    with pytest.raises(InvalidParameter, match="'grammar' and response_format say the same"):
        await llm.arun(
            "Hi.", response_format="json", provider_options={"llamacpp": {"grammar": 'root ::= "a"'}}
        )
