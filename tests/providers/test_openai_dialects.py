"""Servers that speak OpenAI's API in a way of their own: which is which, and what each gets and gives."""

import anyio
import pytest

from asyncllm import LLM, Message, RateLimited, RequestRejected, Retry, UnsupportedParameter, Usage
from asyncllm.testing import Reply, openai_answer, openai_stream
from asyncllm_openai import OpenAIProvider

pytestmark = pytest.mark.anyio

LOCAL = ("vllm", "llama-server", "ollama", "compatible")
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.fixture
def make(server):
    def make(dialect, **settings):
        settings = {"retry": Retry(attempts=1), "base_url": server.url + "/v1"} | settings
        return LLM("openai:local", dialect=dialect, **settings)

    return make


def planned(dialect, **params):
    plan = LLM("openai:local", base_url="http://localhost/v1", dialect=dialect).plan("?", **params)
    ours = {"model", "messages", "stream", "stream_options"}
    body = {name: value for name, value in plan.sent[0].body.items() if name not in ours}
    return body, {verdict.parameter: verdict for verdict in plan.verdicts}


@pytest.mark.parametrize(
    ("url", "dialect"),
    [
        (None, "openai"),
        ("https://api.openai.com/v1", "openai"),
        ("https://eu.api.openai.com/v1", "openai"),
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("http://localhost:11434/v1", "ollama"),
        ("http://10.0.0.5:11434/v1", "ollama"),
        ("https://ollama.com/v1", "ollama"),
        ("https://house.openai.azure.com/openai/v1/", "openai"),
        ("https://house.services.ai.azure.com/openai/v1", "openai"),
        ("https://house.services.ai.azure.com/models", "compatible"),
        ("http://localhost:8000/v1", "compatible"),
        ("https://openai.azure.com.example.org/openai/v1", "compatible"),
        ("https://api.openai.com.example.org/v1", "compatible"),
        ("https://notopenrouter.ai/v1", "compatible"),
    ],
)
def test_a_dialect_is_told_from_the_address_where_that_is_safe(url, dialect, monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    told, named = OpenAIProvider(base_url=url), OpenAIProvider(base_url=url, dialect=dialect)

    assert told.rules("gpt-4.1", {}) == named.rules("gpt-4.1", {})


@pytest.mark.parametrize(
    ("dialect", "params", "sent"),
    [
        ("vllm", {"top_k": 5, "min_p": 0.1}, {"top_k": 5, "min_p": 0.1}),
        ("vllm", {"repetition_penalty": 1.2}, {"repetition_penalty": 1.2}),
        ("vllm", {"eos_token_id": 7}, {"stop_token_ids": [7]}),
        ("vllm", {"thinking_budget": 100}, {"thinking_token_budget": 100}),
        ("vllm", {"top_p": 0}, {"top_p": 1e-6}),
        ("vllm", {"num_return_sequences": 3}, {"n": 3}),
        ("vllm", {"num_return_sequences": 3, "temperature": 0}, {"temperature": 0}),
        ("vllm", {"num_return_sequences": 3, "do_sample": False}, {"temperature": 0}),
        (
            "vllm",
            {"num_beams": 4, "length_penalty": 2},
            {"use_beam_search": True, "n": 4, "length_penalty": 2},
        ),
        ("vllm", {"num_beams": 1}, {}),
        ("vllm", {"seed": 2**40}, {"seed": 2**40}),
        ("vllm", {"temperature": 1e-6, "num_return_sequences": 2}, {"temperature": 0.01, "n": 2}),
        ("vllm", {"num_beams": 4, "do_sample": False}, {"use_beam_search": True, "n": 4}),
        ("llama-server", {"top_k": 5, "min_p": 0.1}, {"top_k": 5, "min_p": 0.1}),
        ("llama-server", {"repetition_penalty": 1.2}, {"repeat_penalty": 1.2, "repeat_last_n": 65536}),
        ("llama-server", {"thinking_budget": 100}, {"reasoning_budget_tokens": 100}),
        ("llama-server", {"logprobs": 0}, {"logprobs": True, "top_logprobs": 1}),
        ("llama-server", {"seed": 2**32 + 4}, {"seed": 5}),
        ("llama-server", {"thinking_budget": 0}, {"reasoning_budget_tokens": 0}),
        ("ollama", {"seed": 2**32 + 4}, {"seed": 5}),
        ("ollama", {"thinking_budget": 0}, {"reasoning_effort": "none"}),
        ("compatible", {"seed": 2**32 + 4}, {"seed": 5}),
        ("compatible", {"thinking_budget": 0}, {"reasoning_effort": "none"}),
        ("compatible", {"thinking_budget": 0, "reasoning_effort": "none"}, {"reasoning_effort": "none"}),
        ("compatible", {"thinking_budget": 0, "reasoning_effort": "low"}, {"reasoning_effort": "low"}),
        ("compatible", {"thinking_budget": 5}, {}),
        ("ollama", {"max_tokens": 5, "seed": 7}, {"max_tokens": 5, "seed": 7}),
        ("ollama", {"reasoning_effort": "minimal"}, {"reasoning_effort": "low"}),
        ("ollama", {"top_k": 5, "min_p": 0.1, "repetition_penalty": 1.2, "logit_bias": {5: 1}}, {}),
        ("compatible", {"top_k": 5, "min_p": 0.1, "repetition_penalty": 1.2}, {}),
        ("compatible", {"logit_bias": {5: 1.5}}, {"logit_bias": {"5": 1.5}}),
        ("compatible", {"logprobs": 0}, {"logprobs": True}),
        ("openrouter", {"top_k": 5, "seed": 2**53 + 7}, {"top_k": 5, "seed": 7}),
        ("openrouter", {"reasoning_effort": "high"}, {"reasoning": {"effort": "high"}}),
        ("openrouter", {"thinking_budget": 100}, {"reasoning": {"max_tokens": 100}}),
        ("openrouter", {"thinking_budget": 0}, {"reasoning": {"enabled": False}}),
        ("openrouter", {"max_tokens": 5}, {"max_tokens": 5}),
    ],
    ids=str,
)
def test_each_gets_its_own_words(dialect, params, sent):
    body, _ = planned(dialect, **params)

    assert body == sent


def test_llama_server_is_told_to_apply_the_temperature_first():
    body, _ = planned("llama-server", temperature=0.7, top_p=0.9)

    samplers = body["samplers"]
    assert samplers.index("penalties") < samplers.index("temperature") < samplers.index("top_p")


@pytest.mark.parametrize("dialect", LOCAL)
def test_an_open_models_server_knows_no_developers(dialect):
    plan = LLM("openai:local", base_url="http://localhost/v1", dialect=dialect).plan("?", role="developer")

    assert plan.sent[0].body["messages"] == [{"role": "system", "content": "?"}]
    assert plan.adjustments[0].verdict == "translated"


@pytest.mark.parametrize("dialect", LOCAL)
def test_in_a_conversation_the_system_says_what_developers_say_where_none_are_known(dialect):
    talk = [Message("developer", "Be kind."), Message("user", "Hi")]

    plan = LLM("openai:local", base_url="http://localhost/v1", dialect=dialect).plan(talk)

    assert [message["role"] for message in plan.sent[0].body["messages"]] == ["system", "user"]
    assert [(told.parameter, told.verdict, told.reason) for told in plan.adjustments] == [
        ("messages", "translated", "open models know no developers")
    ]


@pytest.mark.parametrize("dialect", ["openai", "openrouter"])
def test_developers_speak_for_themselves_where_they_are_known(dialect):
    talk = [Message("developer", "Be kind."), Message("user", "Hi")]

    plan = LLM("openai:gpt-4.1", base_url="http://localhost/v1", dialect=dialect, api_key="k").plan(talk)

    assert [message["role"] for message in plan.sent[0].body["messages"]] == ["developer", "user"]
    assert plan.adjustments == ()


@pytest.mark.parametrize("dialect", LOCAL)
def test_a_server_that_writes_by_a_grammar_takes_any_schema(dialect):
    body, verdicts = planned(dialect, response_format=SCHEMA)

    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": SCHEMA},
    }
    assert verdicts["response_format"].verdict == "renamed"


@pytest.mark.parametrize(
    "params",
    [
        {"seed": 7},
        {"temperature": 0.5},
        {"do_sample": False},
        {"stop_token": "#"},
        {"reasoning_effort": "low"},
    ],
    ids=str,
)
def test_openrouters_provider_may_drop_a_parameter_and_that_is_told_unless_it_may_not(params):
    (name,) = params
    insisting = {"openai": {"provider": {"require_parameters": True}}}

    lenient, told = planned("openrouter", **params)
    insistent, sure = planned("openrouter", **params, provider_options=insisting)

    assert told[name].verdict == "translated"
    assert (
        f"drops it without a word where the provider that it asks lacks it; provider_options={insisting}"
        in (told[name].reason)
    )
    assert "without a word" not in sure[name].reason
    assert insistent == {**lenient, "provider": {"require_parameters": True}}


@pytest.mark.parametrize("routing", [{"require_parameters": False}, "any", {}], ids=str)
def test_whatever_else_openrouter_is_told_of_its_providers_does_not_insist(routing):
    body, verdicts = planned("openrouter", seed=7, provider_options={"openai": {"provider": routing}})

    assert body["provider"] == routing
    assert verdicts["seed"].verdict == "translated"


def test_openrouter_is_no_openai_that_holds_answers_to_schemas():
    _, verdicts = planned("openrouter", response_format=SCHEMA)

    assert verdicts["response_format"].verdict == "clamped"
    assert "OpenAI holds" not in verdicts["response_format"].reason


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"temperature": 0.7}, "translated samplers"),
        ({"do_sample": False}, "translated samplers"),
        ({"repetition_penalty": 1.2}, "translated repeat_last_n (None -> 65536)"),
    ],
    ids=str,
)
def test_what_llama_server_is_told_besides_is_said(params, told):
    plan = LLM("openai:local", base_url="http://localhost/v1", dialect="llama-server").plan("?", **params)

    assert any(str(adjustment).startswith(told) for adjustment in plan.adjustments)


@pytest.mark.parametrize(("temperature", "sent"), [(0, 0), (1e-6, 0.01), (0.005, 0.01), (0.01, 0.01), (2, 2)])
def test_what_vllm_makes_of_a_low_temperature_is_told(temperature, sent):
    body, verdicts = planned("vllm", temperature=temperature)

    assert body == {"temperature": sent}
    assert verdicts["temperature"].verdict == ("native" if sent == temperature else "clamped")


def test_vllms_beam_search_does_not_sample_and_says_so():
    body, verdicts = planned("vllm", num_beams=4, do_sample=True)

    assert body == {"use_beam_search": True, "n": 4}
    assert (verdicts["do_sample"].verdict, verdicts["do_sample"].reason) == (
        "dropped",
        "vLLM's beam search does not sample",
    )


@pytest.mark.parametrize(
    "name", ["top_p", "top_k", "min_p", "seed", "frequency_penalty", "repetition_penalty", "response_format"]
)
def test_what_vllms_beam_search_does_not_look_at_is_told(name):
    value = SCHEMA if name == "response_format" else 1 if name in {"top_k", "seed"} else 0.5

    body, verdicts = planned("vllm", num_beams=4, **{name: value})

    assert body == {"use_beam_search": True, "n": 4}
    assert verdicts[name].verdict == "dropped"


@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
@pytest.mark.parametrize(("asked", "texts"), [(None, ("a",)), (2, ("a", "b")), (3, ("a", "b", "c"))])
async def test_of_vllms_beams_the_best_are_the_answers(make, server, asked, texts, stream):
    server.reply(openai_answer("a", "b", "c"))

    async with make("vllm", num_beams=3, num_return_sequences=asked) as llm:
        if stream:
            async with llm.astream("?") as pieces:
                assert [piece async for piece in pieces] == ["a"]
            response = pieces.response
        else:
            response = await llm.agenerate("?")

    assert response.texts == texts
    assert response.adjustments == ()
    assert "stream" not in server.requests[0].body


async def test_stop_tokens_are_cut_out_of_each_beam(make, server):
    server.reply(openai_answer("a#b", "cd", "e#f"))

    async with make("vllm", num_beams=3, num_return_sequences=3, stop_token="#") as llm:
        response = await llm.agenerate("?")
        plan = llm.plan("?")

    assert server.requests[0].body == plan.sent[0].body
    assert response.texts == ("a", "cd", "e")
    assert [choice.finish_reason for choice in response.choices] == ["stop_sequence", "stop", "stop_sequence"]


@pytest.mark.parametrize("dialect", LOCAL)
async def test_whole_answers_come_as_streams_and_lose_nothing(make, server, dialect):
    reply = openai_stream("Red", ".", usage=USAGE, finish_reason="length")
    likeliest = [{"token": "Blue", "logprob": -2.5}]
    said = {"content": [{"token": "Red", "logprob": -0.1, "top_logprobs": likeliest}]}
    reply.events[1]["choices"][0]["logprobs"] = said
    server.reply(reply)

    async with make(dialect) as llm:
        response = await llm.agenerate("?", logprobs=1)

    assert server.requests[0].body["stream"] is True
    assert (response.text, response.finish_reason) == ("Red.", "length")
    assert response.usage == Usage(input_tokens=5, output_tokens=2)
    assert response.choices[0].logprobs[0].likeliest == (("Blue", -2.5),)


@pytest.mark.parametrize("dialect", ["openai", "openrouter"])
async def test_servers_that_notice_who_has_left_answer_whole(make, server, dialect):
    server.reply(openai_answer("Red."))

    async with make(dialect, api_key="k") as llm:
        response = await llm.agenerate("?")

    assert "stream" not in server.requests[0].body
    assert response.raw["choices"]


@pytest.mark.parametrize("dialect", LOCAL)
async def test_a_server_that_answers_whole_all_the_same_has_answered(make, server, dialect):
    server.reply(openai_answer("Red.", usage=USAGE))

    async with make(dialect) as llm:
        response = await llm.agenerate("?")

    assert (response.text, response.finish_reason) == ("Red.", "stop")
    assert response.usage == Usage(input_tokens=5, output_tokens=2)


async def test_a_call_that_is_cancelled_leaves_the_server(make, server):
    server.reply(openai_stream("Red", " and", " blue"), hold_after=2)

    async with make("llama-server") as llm, anyio.create_task_group() as group:
        group.start_soon(llm.agenerate, "?")
        while not server.requests:  # noqa: ASYNC110  # the condition is another thread's
            await anyio.sleep(0.01)
        group.cancel_scope.cancel()

    assert server.wait_for_disconnect().body["stream"] is True


async def test_vllm_says_which_stop_token_matched(make, server):
    reply = openai_stream("Red")
    reply.events[2]["choices"][0]["stop_reason"] = "###"
    server.reply(reply)

    async with make("vllm") as llm:
        response = await llm.agenerate("?", stop_token="###")

    assert (response.finish_reason, response.matched_stop) == ("stop_sequence", "###")


async def test_a_stop_token_id_of_vllms_ends_the_answer_like_any_other_end(make, server):
    reply = openai_stream("Red")
    reply.events[2]["choices"][0]["stop_reason"] = 7
    server.reply(reply)

    async with make("vllm") as llm:
        response = await llm.agenerate("?", eos_token_id=7)

    assert (response.finish_reason, response.matched_stop) == ("stop", None)


async def test_several_answers_of_a_server_that_returns_one_are_several_calls(make, server):
    server.reply(openai_stream("Red"))

    async with make("llama-server") as llm:
        response = await llm.agenerate("?", num_return_sequences=3, seed=7)

    assert response.texts == ("Red", "Red", "Red")
    assert sorted(request.body["seed"] for request in server.requests) == [7, 8, 9]


@pytest.mark.parametrize(
    ("dialect", "seeds"),
    [
        ("llama-server", 2**32),
        ("ollama", 2**32),
        ("compatible", 2**32),
        ("openrouter", 2**53),
        ("vllm", 2**63),
    ],
)
def test_several_answers_have_several_seeds_wherever_a_servers_seeds_end(dialect, seeds):
    llm = LLM("openai:local", base_url="http://localhost/v1", dialect=dialect)
    greedy = {"do_sample": False} if dialect == "vllm" else {}

    plan = llm.plan("?", seed=seeds - 2, num_return_sequences=3, **greedy)

    sent = {wire.body["seed"] for wire in plan.sent}
    assert len(sent) == len(plan.sent) == 3
    assert all(0 <= seed < seeds for seed in sent)


async def test_strict_refuses_what_is_not_taken_before_anything_is_sent(make, server):
    async with make("ollama", strict=True) as llm:
        with pytest.raises(UnsupportedParameter, match="only in its own API"):
            await llm.arun("?", top_k=5)

    assert server.requests == []


async def test_an_answer_that_openrouters_provider_gave_up_says_so(make, server):
    server.reply(openai_answer("Re", finish_reason="error"))

    async with make("openrouter", api_key="k") as llm:
        response = await llm.agenerate("?")

    assert (response.text, response.finish_reason) == ("Re", "error")


@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 429, "message": "Slow down."}, RateLimited),
        ({"code": 400, "message": "Slow down."}, RequestRejected),
    ],
    ids=["429", "400"],
)
async def test_an_answer_that_is_nothing_but_an_error_is_raised_in_its_words(
    make, server, error, kind, stream
):
    choice = {"index": 0, "finish_reason": "error", "error": error}
    said = {"content": ""}
    whole, chunk = ({"choices": [{**choice, key: said}]} for key in ("message", "delta"))
    server.reply(Reply(events=[chunk, "[DONE]"]) if stream else Reply(json=whole))

    async with make("openrouter", api_key="k") as llm:
        with pytest.raises(kind, match="Slow down"):
            if stream:
                async with llm.astream("?") as pieces:
                    [piece async for piece in pieces]
            else:
                await llm.arun("?")


async def test_an_error_that_came_after_a_text_leaves_the_text(make, server):
    reply = openai_answer("Re", finish_reason="error")
    reply.json["choices"][0]["error"] = {"code": 502, "message": "Gone."}
    server.reply(reply)

    async with make("openrouter", api_key="k") as llm:
        response = await llm.agenerate("?")

    assert (response.text, response.finish_reason) == ("Re", "error")


@pytest.mark.parametrize(
    ("dialect", "verdict"),
    [
        ("vllm", "translated"),
        ("llama-server", "native"),
        ("ollama", "native"),
        ("openrouter", "translated"),
        ("compatible", "translated"),
        ("openai", "clamped"),
    ],
)
def test_an_assistants_task_begins_the_answer_or_an_adjustment_tells(dialect, verdict):
    _, verdicts = planned(dialect, role="assistant")
    said = verdicts["role"]

    assert said.verdict == verdict
    assert said.sent == ("user" if verdict == "clamped" else "assistant")
    assert bool(said.reason) == (verdict != "native")


@pytest.mark.parametrize(
    ("task", "params"),
    [
        ("Red,", {"role": "assistant"}),
        ([Message("user", "Colours?"), Message("assistant", "Red,")], {}),
        ([Message("developer", "Be brief."), Message("assistant", "Red,")], {}),
    ],
)
def test_vllm_is_told_to_go_on_with_the_assistants_word(task, params):
    llm = LLM("openai:local", base_url="http://localhost/v1", dialect="vllm")
    (sent,) = llm.plan(task, **params).sent
    (plain,) = llm.plan("Red?").sent

    assert sent.body["messages"][-1] == {"role": "assistant", "content": "Red,"}
    assert (sent.body["continue_final_message"], sent.body["add_generation_prompt"]) == (True, False)
    assert "continue_final_message" not in plain.body
