"""OpenAI's Responses API: what goes there, and what comes back."""

import json
from dataclasses import replace

import openai
import pytest

from asyncllm import (
    LLM,
    IncompleteResponse,
    InvalidParameter,
    LLMError,
    Message,
    RateLimited,
    RequestRejected,
    Retry,
    TimedOut,
    Unavailable,
    UnexpectedResponse,
    Usage,
)
from asyncllm.rules import Inapplicable
from asyncllm.testing import Reply, responses_answer, responses_stream

pytestmark = pytest.mark.anyio

COMMENTARY = {
    "id": "msg_aside",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "phase": "commentary",
    "content": [{"type": "output_text", "text": "Let me think.", "annotations": []}],
}
REASONING = {"id": "rs_1", "type": "reasoning", "summary": [], "content": []}
CALL = {"id": "fc_1", "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}


@pytest.fixture
def make(server):
    def make(model="gpt-5.2", **settings):
        settings = {"api": "responses", "dialect": "openai", "retry": Retry(attempts=1)} | settings
        return LLM(f"openai:{model}", base_url=server.url + "/v1", api_key="k", **settings)

    return make


async def streamed(llm, **params):
    async with llm, llm.astream("?", **params) as stream:
        pieces = [piece async for piece in stream]
    return pieces, stream.response


async def asked(llm, *, stream, **params):
    if stream:
        return (await streamed(llm, **params))[1]
    async with llm:
        return await llm.agenerate("?", **params)


async def test_a_conversation_goes_there_as_items_in_its_order_and_is_not_kept(make, server):
    server.reply(responses_answer("ok"))
    talk = [Message("system", "Be kind."), Message("user", "Hi"), Message("assistant", "Yes?")]

    async with make() as llm:
        await llm.arun(talk, system_prompt="Be brief.", max_tokens=50)

    assert server.requests[0].path == "/v1/responses"
    assert server.requests[0].body == {
        "model": "gpt-5.2",
        "input": [
            {"type": "message", "role": "developer", "content": "Be brief."},
            {"type": "message", "role": "system", "content": "Be kind."},
            {"type": "message", "role": "user", "content": "Hi"},
            {"type": "message", "role": "assistant", "content": "Yes?"},
        ],
        "max_output_tokens": 50,
        "store": False,
    }


async def test_what_the_caller_says_in_openais_own_words_wins(make, server):
    server.reply(responses_answer("ok"))

    async with make() as llm:
        await llm.arun("?", provider_options={"openai": {"store": True, "text": {"verbosity": "low"}}})

    body = server.requests[0].body
    assert (body["store"], body["text"]) == (True, {"verbosity": "low"})


@pytest.mark.parametrize(
    ("asked_for", "sent"),
    [
        ({"max_tokens": 5}, {"max_output_tokens": 16}),
        ({"reasoning_effort": "high"}, {"reasoning": {"effort": "high"}}),
        ({"thinking_budget": 0}, {"reasoning": {"effort": "none"}}),
        (
            {"reasoning_effort": "none", "temperature": 0.5},
            {"reasoning": {"effort": "none"}, "temperature": 0.5},
        ),
        ({"temperature": 0.5}, {}),
        ({"seed": 7, "frequency_penalty": 1, "presence_penalty": 1, "logit_bias": {5: 1}}, {}),
        ({"stop_token": "#"}, {}),
        ({"response_format": "json"}, {"text": {"format": {"type": "json_object"}}}),
        (
            {"reasoning_effort": "none", "logprobs": 3},
            {
                "reasoning": {"effort": "none"},
                "top_logprobs": 3,
                "include": ["message.output_text.logprobs"],
            },
        ),
    ],
    ids=str,
)
def test_parameters_go_there_in_its_own_words(make, asked_for, sent):
    plan = make().plan("?", **asked_for)

    body = plan.sent[0].body
    assert {name: body[name] for name in body.keys() - {"model", "input", "store", "stream"}} == sent


def test_a_schema_goes_there_flat(make):
    schema = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}

    plan = make().plan("?", response_format=schema)

    assert plan.sent[0].body["text"] == {
        "format": {"type": "json_schema", "name": "answer", "schema": schema, "strict": True}
    }


@pytest.mark.parametrize(
    "model", ["gpt-5.5-pro", "gpt-5-codex", "o3-pro", "gpt-6-cyber", "gpt-5.1-codex-max"]
)
async def test_a_model_that_answers_only_there_is_asked_there_and_that_is_told(make, server, model):
    server.reply(responses_answer("ok"))

    async with make(model, api=None) as llm:
        response = await llm.agenerate("?")

    assert server.requests[0].path == "/v1/responses"
    assert [str(adjustment) for adjustment in response.adjustments] == [
        f"translated model_name ({model!r} -> {model!r}): this model answers only in the Responses API"
    ]


@pytest.mark.parametrize("api", [None, "chat"])
def test_no_option_leads_a_call_to_another_api(make, api):
    own = {"openai": {"truncation": "auto"}}

    plan = make("gpt-4.1", api=api).plan("?", max_tokens=5, provider_options=own)

    assert plan.sent[0].to == "POST /chat/completions"
    assert plan.sent[0].body["max_completion_tokens"] == 5


@pytest.mark.parametrize(
    "settings", [{"model": "o3-pro"}, {"model": "house-model", "like": "o3-pro"}], ids=str
)
def test_a_row_of_the_callers_for_the_models_name_leads_it_nowhere_else(make, settings):
    plan = make(**settings, api=None, rules={"model_name": Inapplicable("ours")}).plan("?", max_tokens=50)

    assert plan.sent[0].to == "POST /responses"
    assert plan.sent[0].body["max_output_tokens"] == 50


def test_a_model_that_answers_only_there_and_is_asked_elsewhere_is_told(make):
    plan = make("o3-pro", api="chat").plan("?")

    assert plan.sent[0].to == "POST /chat/completions"
    (told,) = plan.adjustments
    assert (told.parameter, told.verdict) == ("model_name", "translated")
    assert told.reason == "this model answers only in the Responses API, and api='chat' asks elsewhere"


async def test_a_model_that_is_like_one_of_these_is_asked_there_too(make, server):
    server.reply(responses_answer("ok"))

    async with make("house-model", api=None, like="gpt-5.5-pro") as llm:
        await llm.arun("?", max_tokens=50)

    assert server.requests[0].path == "/v1/responses"
    assert server.requests[0].body["max_output_tokens"] == 50


def test_other_models_and_whoever_says_so_use_chat(make):
    assert make(api=None).plan("?").sent[0].to == "POST /chat/completions"
    assert make("gpt-5.5-pro", api="chat").plan("?").sent[0].to == "POST /chat/completions"


@pytest.mark.parametrize("settings", [{"api": "telepathy"}, {"dialect": "vllm"}, {"api": 5}], ids=str)
def test_an_api_that_is_not_to_be_had_is_an_error(make, settings):
    with pytest.raises(InvalidParameter, match="api"):
        make(**settings)


@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_an_answer_is_all_that_was_said_of_it(make, server, stream):
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
        "output_tokens": 30,
        "output_tokens_details": {"reasoning_tokens": 20},
        "total_tokens": 130,
    }
    reply = responses_stream("Red", ", ", "blue.", usage=usage)
    server.reply(reply if stream else responses_answer("Red, blue.", usage=usage))

    response = await asked(make(), stream=stream)

    assert (response.text, response.finish_reason) == ("Red, blue.", "stop")
    assert response.usage == Usage(
        input_tokens=100, output_tokens=30, cached_tokens=60, cache_write_tokens=10, reasoning_tokens=20
    )
    assert response.model == "gpt-5.2-2025-12-11"
    assert response.request_id.startswith("req_")


@pytest.mark.parametrize("chunks", [[1], [2, 3, 5, 7], [100_000]])
async def test_a_stream_may_be_split_anywhere(make, server, chunks):
    server.reply(responses_stream("Grün", " и ", "青"), chunks=chunks)

    pieces, _ = await streamed(make())

    assert pieces == ["Grün", " и ", "青"]


@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_reasoning_and_commentary_are_no_part_of_the_answer(make, server, stream):
    before = [REASONING, COMMENTARY]
    reply = responses_stream("Red.", before=before)
    aside = {"type": "response.output_text.delta", "item_id": "msg_aside", "delta": "Let me think."}
    events = [*reply.events[:6], (aside["type"], aside), *reply.events[6:]]
    server.reply(replace(reply, events=events) if stream else responses_answer("Red.", before=before))

    response = await asked(make(), stream=stream)

    assert response.text == "Red."


@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
@pytest.mark.parametrize(
    ("reply", "meant"),
    [
        ({"incomplete": "max_output_tokens"}, "length"),
        ({"incomplete": "content_filter"}, "content_filter"),
        ({"incomplete": "steered"}, "pause"),
        ({"incomplete": "something new"}, "unknown"),
        ({"before": [CALL]}, "tool_calls"),
        ({"before": [REASONING]}, "stop"),
    ],
    ids=str,
)
async def test_finish_reasons_are_the_usual_ones(make, server, reply, meant, stream):
    server.reply((responses_stream if stream else responses_answer)("x", **reply))

    response = await asked(make(), stream=stream)

    assert response.finish_reason == meant


@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_a_refusal_is_the_answer_and_is_called_one(make, server, stream):
    reply = responses_answer("")
    reply.json["output"][0]["content"] = [{"type": "refusal", "refusal": "I will not."}]
    events = [
        {"type": "response.refusal.delta", "item_id": "m", "delta": "I will not."},
        {"type": "response.completed", "response": reply.json},
    ]
    server.reply(Reply(events=events) if stream else reply)

    response = await asked(make(), stream=stream)

    assert (response.text, response.finish_reason) == ("I will not.", "refusal")


@pytest.mark.parametrize(
    ("before", "part", "text", "reason"),
    [
        ((), {"type": "output_text", "text": "Red."}, "Red.", "stop"),
        (("Re",), {"type": "output_text", "text": "Red."}, "Red.", "stop"),
        (("Red.",), {"type": "output_text", "text": "Red."}, "Red.", "stop"),
        (("Red.",), {"type": "output_text", "text": "Blue."}, "Red.", "stop"),
        ((), {"type": "refusal", "refusal": "I will not."}, "I will not.", "refusal"),
    ],
    ids=str,
)
async def test_what_only_a_streams_last_event_says_is_not_lost(make, server, before, part, text, reason):
    reply = responses_answer("")
    reply.json["output"][0]["content"] = [part]
    deltas = [{"type": "response.output_text.delta", "item_id": "m", "delta": piece} for piece in before]
    server.reply(Reply(events=[*deltas, {"type": "response.completed", "response": reply.json}]))

    _, response = await streamed(make())

    assert (response.text, response.finish_reason) == (text, reason)


async def test_a_failure_that_asking_again_cannot_mend_is_asked_once(make, server):
    server.reply(
        Reply(json={"status": "failed", "error": {"code": "bio_policy", "message": "No."}, "output": []})
    )

    async with make(retry=Retry(wait_initial=0)) as llm:
        with pytest.raises(RequestRejected):
            await llm.arun("?")

    assert len(server.requests) == 1


@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_a_refusal_that_a_filter_cut_is_called_filtered_in_either_api(make, server, api, stream):
    whole = responses_answer("", incomplete="content_filter").json
    whole["output"][0]["content"] = [{"type": "refusal", "refusal": "I will"}]
    said = {"index": 0, "finish_reason": "content_filter"}
    replies = {
        ("responses", False): Reply(json=whole),
        ("responses", True): Reply(events=[{"type": "response.incomplete", "response": whole}]),
        ("chat", False): Reply(json={"choices": [{**said, "message": {"refusal": "I will"}}]}),
        ("chat", True): Reply(events=[{"choices": [{**said, "delta": {"refusal": "I will"}}]}, "[DONE]"]),
    }
    server.reply(replies[api, stream])

    response = await asked(make(api=api), stream=stream)

    assert (response.text, response.finish_reason) == ("I will", "content_filter")


@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_probabilities_come_token_by_token(make, server, stream):
    said = [
        {"token": "Red", "logprob": -0.1, "bytes": [], "top_logprobs": [{"token": "Blue", "logprob": -2.5}]},
        {"token": ".", "logprob": -0.2, "bytes": [], "top_logprobs": [{"token": None, "logprob": None}]},
    ]
    reply = responses_answer("Red.")
    reply.json["output"][0]["content"][0]["logprobs"] = said
    events = [
        {"type": "response.output_text.delta", "item_id": "m", "delta": "Red.", "logprobs": said},
        {"type": "response.completed", "response": reply.json},
    ]
    server.reply(Reply(events=events) if stream else reply)

    response = await asked(make(), stream=stream, reasoning_effort="none", logprobs=1)

    first, second = response.choices[0].logprobs
    assert (first.token, first.logprob, first.likeliest) == ("Red", -0.1, (("Blue", -2.5),))
    assert (second.token, second.likeliest) == (".", ())


async def test_stop_tokens_are_cut_here_and_end_the_call(make, server):
    server.reply(responses_stream("Red", ", bl", "ue. And", " more"), hold_after=7)

    pieces, response = await streamed(make(), stop_token="ue.")

    assert "".join(pieces) == "Red, bl"
    assert (response.finish_reason, response.matched_stop) == ("stop_sequence", "ue.")
    assert server.wait_for_disconnect().body["stream"] is True


@pytest.mark.parametrize("after", [0, 3, 6, 8, 10])
async def test_a_stream_that_just_ends_is_no_answer_however_much_came(make, server, after):
    server.reply(responses_stream("a", "b", "c"), cut_after=after)

    with pytest.raises(IncompleteResponse) as caught:
        await streamed(make())

    assert "abc".startswith(caught.value.text)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "Slow down."}, RateLimited),
        ({"type": "error", "error": {"code": "server_error", "message": "Slow down."}}, Unavailable),
        ({"type": "error", "error": "Slow down."}, Unavailable),
        (
            {
                "type": "response.failed",
                "response": {
                    "status": "failed",
                    "error": {"code": "rate_limit_exceeded", "message": "Slow down."},
                },
            },
            RateLimited,
        ),
        (
            {
                "type": "response.failed",
                "response": {
                    "status": "failed",
                    "error": {"code": "invalid_prompt", "message": "Slow down."},
                },
            },
            RequestRejected,
        ),
        ({"type": "error", "code": "bio_policy", "message": "Slow down."}, RequestRejected),
        ({"type": "error", "code": "something new", "message": "Slow down."}, RequestRejected),
        ({"type": "error", "error": {"code": 503, "message": "Slow down."}}, Unavailable),
        (
            {"type": "error", "error": {"code": "new", "type": "server_error", "message": "Slow down."}},
            Unavailable,
        ),
    ],
    ids=str,
)
async def test_an_error_within_a_stream_is_raised(make, server, event, kind):
    server.reply(Reply(events=[{"type": "response.created", "response": {"status": "in_progress"}}, event]))

    with pytest.raises(LLMError, match="Slow down") as caught:
        await streamed(make())

    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (
            {"status": "failed", "error": {"code": "server_error", "message": "No."}, "output": []},
            Unavailable,
        ),
        ({"status": "failed", "error": {"code": "vector_store_timeout"}, "output": []}, TimedOut),
        ({"status": "failed", "error": {"code": "data_residency_mismatch"}, "output": []}, RequestRejected),
        ({"status": "failed", "error": None, "output": []}, Unavailable),
        ({"status": "queued", "error": None, "output": []}, UnexpectedResponse),
        ({"status": "completed"}, UnexpectedResponse),
        ({"status": "completed", "output": 5}, UnexpectedResponse),
        ([], UnexpectedResponse),
    ],
    ids=str,
)
@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_what_is_no_answer_is_an_error_whatever_its_status(make, server, body, kind, stream):
    server.reply(body=json.dumps(body).encode())

    with pytest.raises(LLMError) as caught:
        await asked(make(), stream=stream)

    assert type(caught.value) is kind


@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_what_an_answer_need_not_have_may_be_missing(make, server, stream):
    body = {"output": [{"type": "message", "content": [{"text": "Red."}]}, {"type": "new", "content": 5}, {}]}
    events = [
        {"type": "response.output_text.delta", "delta": "Red."},
        {"type": "something.new", "item": {"id": 5}},
        {"type": "response.completed", "response": body},
    ]
    server.reply(Reply(events=events) if stream else Reply(json=body))

    response = await asked(make(), stream=stream)

    assert (response.text, response.finish_reason, response.usage) == ("Red.", "unknown", None)


async def test_several_answers_are_asked_for_one_by_one(make, server):
    server.reply(responses_answer("Red."))

    async with make() as llm:
        response = await llm.agenerate("?", num_return_sequences=3)

    assert response.texts == ("Red.", "Red.", "Red.")
    assert response.usage.input_tokens == 36


def test_the_official_sdk_reads_the_ready_made_replies(server):
    server.reply(responses_answer("Hello there!"))
    reply = responses_stream("Hel", "lo", "!", before=[COMMENTARY])
    server.reply(reply)

    with openai.OpenAI(base_url=server.url + "/v1", api_key="k", max_retries=0) as client:
        answer = client.responses.create(model="gpt-5.2", input="Hi")
        *_, last = client.responses.create(model="gpt-5.2", input="Hi", stream=True)

    assert (answer.output_text, answer.usage.output_tokens) == ("Hello there!", 2)
    assert (last.type, last.response.output[1].content[0].text) == ("response.completed", "Hello!")
    assert len(reply.events) == 3 + 8 + 2
