"""A batch says of each request just what a single call would say; what cannot be in one is said before."""

import json
import typing
from dataclasses import replace

import pytest
from anthropic.types.messages import batch_create_params as anthropic_batches
from anthropic.types.messages import message_batch
from openai.types import batch, batch_create_params, file_create_params
from remote_rig import VENDORS, Items, anthropic, asked, collected, openai, opened

from asyncllm import LLM, ConfigurationError, InvalidParameter, UnsupportedParameter
from asyncllm._model import Model
from asyncllm._registry import find
from asyncllm.batch._remote import batchable, chosen
from asyncllm.testing import FakeProvider, OpenAIBatchServer, ScriptedServer, responses_answer
from asyncllm_anthropic._batches import STATUSES as ANTHROPICS
from asyncllm_openai._batches import STATUSES as OPENAIS

HERE = "http://localhost:1"
KEY = {"api_key": "sk-made-up-key-for-tests"}


@pytest.mark.parametrize(
    "name",
    ["openai:gpt-4.1", "openai:o1-pro", "anthropic:claude-sonnet-4-6", "anthropic:claude-opus-4-8"],
)
def test_a_body_is_that_of_a_single_call(name):
    call = {"max_tokens": 100, "system_prompt": "Be brief.", "stop_token": None}
    plan = LLM(name, **KEY).plan("hi", **call)
    model = Model(find(name, None), {**KEY}, known=())
    request = batchable(model.applied("hi", {key: value for key, value in call.items() if value}))

    entry = model.rulebook.batches().entry(request)

    assert json.loads(entry.body) == plan.sent[0].body
    assert "stream" not in json.loads(entry.body)
    assert plan.sent[0].to == f"POST {entry.lot.path}"


@pytest.mark.parametrize("model", ["gpt-4.1", "o1-pro"])
@pytest.mark.anyio
async def test_a_model_is_asked_in_the_api_that_a_single_call_would_go_to(model):
    batches = OpenAIBatchServer(
        (lambda each: responses_answer(each.text.upper())) if "pro" in model else None
    )
    with ScriptedServer() as server:
        server.reply(batches)
        async with opened(openai, server.url) as provider:
            found = await collected(provider, Items("ab", model))

    path = "/v1/responses" if "pro" in model else "/v1/chat/completions"
    assert found == {"key-a": ("A", 1), "key-b": ("B", 1)}
    assert batches.batches[0].asked["endpoint"] == path
    assert {each.url for each in batches.batches[0].requests} == {path}


def test_headers_that_the_rules_ask_for_are_those_of_the_batch():
    request = asked("hi", "claude-sonnet-4-6")
    versioned = replace(request, headers={"anthropic-version": "2023-06-01"})

    api = anthropic(HERE).batches()

    assert api.entry(versioned).lot.headers == (("anthropic-version", "2023-06-01"),)
    assert api.entry(versioned).lot != api.entry(request).lot


@pytest.mark.anyio
@pytest.mark.parametrize("vendor", VENDORS)
async def test_what_is_sent_is_what_the_sdks_types_know(vendor):
    make, script, model = VENDORS[vendor]
    with ScriptedServer() as server:
        server.reply(script())
        async with opened(make, server.url) as provider:
            await collected(provider, Items("a", model))
        (created,) = [each for each in server.requests if each.path.endswith("/batches")]
        params = {"openai": batch_create_params, "anthropic": anthropic_batches}[vendor].BatchCreateParams
        assert created.body.keys() <= typing.get_type_hints(params).keys()
        assert typing.get_type_hints(params).keys() >= {"requests"} or created.body["endpoint"] in literals(
            params
        )
        if vendor == "anthropic":
            assert (
                created.body["requests"][0].keys() == typing.get_type_hints(anthropic_batches.Request).keys()
            )
        else:
            (upload,) = [each for each in server.requests if each.path.endswith("/files")]
            assert b'name="purpose"' in upload.body
            assert {"purpose", "file"} <= typing.get_type_hints(file_create_params.FileCreateParams).keys()


def literals(params):
    return typing.get_args(typing.get_type_hints(params)["endpoint"])


def test_every_status_of_the_sdks_is_known():
    anthropics = message_batch.MessageBatch.model_fields["processing_status"].annotation
    openais = batch.Batch.model_fields["status"].annotation

    assert set(ANTHROPICS) == set(typing.get_args(anthropics))
    assert set(OPENAIS) == set(typing.get_args(openais))


@pytest.mark.parametrize(
    ("name", "params", "culprit"),
    [
        ("openai:gpt-5.2", {"stop_token": "x", "reasoning_effort": "high"}, "stop_token"),
        ("anthropic:claude-sonnet-4-6", {"num_return_sequences": 2}, "num_return_sequences"),
        ("openai:gpt-4.1", {"max_length": 100}, "max_length"),
        ("openai:gpt-4.1", {"timeout": 5.0}, "timeout"),
    ],
)
def test_what_a_batch_cannot_do_is_said_before_anything_is_sent(name, params, culprit):
    model = Model(find(name, None), {**KEY}, known=())

    with pytest.raises(UnsupportedParameter, match=culprit):
        batchable(model.applied("hi", params))


def test_several_answers_in_one_request_are_a_batchs_business():
    model = Model(find("openai:gpt-4.1", None), {**KEY}, known=())

    assert batchable(model.applied("hi", {"num_return_sequences": 3})).options["n"] == 3


DAY = 24 * 3600


@pytest.mark.parametrize(
    ("via", "deadline", "way"),
    [
        ("auto", DAY, "provider"),
        ("auto", DAY - 1, "direct"),
        ("auto", None, "provider"),
        ("direct", None, "direct"),
        ("provider", 60, "provider"),
    ],
)
def test_the_deadline_says_which_way_a_batch_goes(via, deadline, way):
    assert chosen(via, openai(HERE).batches(), deadline=deadline) == way


def test_a_provider_without_batches_is_asked_directly_unless_it_has_to_be_batches():
    assert chosen("auto", FakeProvider().batches()) == "direct"
    with pytest.raises(ConfigurationError, match="no batch API"):
        chosen("provider", None)
    with pytest.raises(InvalidParameter, match="via takes"):
        chosen("often", None)


def test_other_servers_that_speak_openais_api_are_not_thought_to_have_batches():
    provider = type(openai(HERE))(base_url="http://localhost:8000/v1", dialect="vllm")

    assert provider.batches() is None
