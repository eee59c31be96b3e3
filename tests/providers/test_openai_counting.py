"""How the tokens of a prompt are counted where ``max_length`` is asked of a server."""

import pytest

from asyncllm import LLM, AuthenticationFailed, Message, Retry
from asyncllm.testing import Reply, openai_answer, openai_stream, responses_answer

pytestmark = pytest.mark.anyio

MESSAGES = [{"role": "user", "content": "Hi"}]
ITEMS = [{"type": "message", "role": "user", "content": "Hi"}]
SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


@pytest.fixture
def make(server):
    def make(dialect, model="gpt-4.1", **settings):
        url = server.url + "/v1"
        return LLM(
            f"openai:{model}",
            dialect=dialect,
            base_url=url,
            api_key="k",
            retry=Retry(attempts=1),
            max_length=100,
            **settings,
        )

    return make


@pytest.mark.parametrize(
    ("dialect", "path", "body", "answer"),
    [
        (
            "openai",
            "/v1/responses/input_tokens",
            {"model": "gpt-4.1", "input": ITEMS},
            {"object": "response.input_tokens", "input_tokens": 40},
        ),
        (
            "llama-server",
            "/v1/chat/completions/input_tokens",
            {"model": "gpt-4.1", "messages": MESSAGES},
            {"object": "response.input_tokens", "input_tokens": 40},
        ),
        (
            "vllm",
            "/tokenize",
            {"model": "gpt-4.1", "messages": MESSAGES},
            {"count": 40, "max_model_len": 4096, "tokens": [1, 2]},
        ),
    ],
)
async def test_the_server_itself_counts_where_it_can(make, server, dialect, path, body, answer):
    server.reply(json=answer)
    server.reply(openai_answer("ok"))

    async with make(dialect) as llm:
        response = await llm.agenerate("Hi")

    counted, asked = server.requests
    assert (counted.path, counted.body) == (path, body)
    assert asked.body.get("max_completion_tokens", asked.body.get("max_tokens")) == 60
    assert "counted" in response.adjustments[0].reason


@pytest.mark.parametrize("dialect", ["llama-server", "vllm"])
async def test_what_is_counted_is_said_by_those_who_will_say_it(make, server, dialect):
    server.reply(json={"input_tokens": 40, "count": 40})
    server.reply(openai_stream("ok"))

    async with make(dialect) as llm:
        await llm.agenerate([Message("developer", "Be kind."), Message("user", "Hi")])

    counted, asked = server.requests
    assert [message["role"] for message in counted.body["messages"]] == ["system", "user"]
    assert counted.body["messages"] == asked.body["messages"]


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_where_it_cannot_the_prompt_is_estimated_and_that_is_told(make, server, status):
    server.reply(Reply(status=status, json={"error": {"message": "What?"}}))
    server.reply(openai_stream("ok"))

    async with make("vllm") as llm:
        response = await llm.agenerate("Hi")

    assert server.requests[1].body["max_tokens"] < 100
    assert "estimated" in response.adjustments[0].reason


@pytest.mark.parametrize("dialect", ["ollama", "openrouter", "compatible"])
async def test_a_server_that_has_no_such_thing_is_not_asked(make, server, dialect):
    server.reply(openai_answer("ok"))

    async with make(dialect) as llm:
        await llm.agenerate("Hi")

    assert [request.path for request in server.requests] == ["/v1/chat/completions"]


async def test_an_error_while_counting_is_an_error(make, server):
    server.reply(Reply(status=401, json={"error": {"message": "Who?"}}))

    async with make("openai") as llm:
        with pytest.raises(AuthenticationFailed):
            await llm.agenerate("Hi")


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_a_schema_is_counted_too(make, server, api):
    server.reply(json={"input_tokens": 40})
    server.reply({"chat": openai_answer, "responses": responses_answer}[api]("ok"))

    async with make("openai", api=api) as llm:
        await llm.agenerate("Hi", response_format=SCHEMA)

    assert server.requests[0].body["text"] == {
        "format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}
    }
