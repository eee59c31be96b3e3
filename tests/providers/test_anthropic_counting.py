"""How much Claude is asked: counted by Anthropic, or estimated where nobody counts."""

import pytest
from anthropic.types import MessageCountTokensParams

from asyncllm import LLM, InvalidParameter, RequestRejected, Retry
from asyncllm.testing import Reply, anthropic_answer, anthropic_error
from asyncllm_anthropic._messages import COUNTED

COUNTING = "/v1/messages/count_tokens"


@pytest.fixture
async def llm(server):
    settings = {"base_url": server.url, "api_key": "sk-made-up", "retry": Retry(attempts=1)}
    async with LLM("anthropic:claude-opus-4-6", **settings) as llm:
        yield llm


@pytest.mark.anyio
async def test_max_length_is_what_anthropic_counts_and_the_answer(llm, server):
    server.reply(Reply(json={"input_tokens": 70}))
    server.reply(anthropic_answer("Red."))

    response = await llm.agenerate("Colours?", max_length=100)

    assert [request.path for request in server.requests] == [COUNTING, "/v1/messages"]
    assert server.requests[1].body["max_tokens"] == 30
    (adjustment,) = response.adjustments
    assert adjustment.verdict == "emulated"
    assert adjustment.sent == {"max_tokens": 30}
    assert "estimate" not in adjustment.reason


@pytest.mark.anyio
async def test_what_is_counted_is_the_prompt_under_the_same_version(llm, server):
    server.reply(Reply(json={"input_tokens": 70}))
    server.reply(anthropic_answer("Red."))

    await llm.arun(
        "Colours?",
        max_length=5000,
        system_prompt="Be brief.",
        temperature=0.7,
        stop_token="###",
        thinking_budget=0,
    )

    counted, asked = server.requests
    assert counted.body == {
        "model": "claude-opus-4-6",
        "messages": [{"role": "user", "content": "Colours?"}],
        "system": "Be brief.",
        "thinking": {"type": "disabled"},
    }
    assert counted.headers["anthropic-version"] == asked.headers["anthropic-version"] == "2023-06-01"


@pytest.mark.anyio
async def test_what_the_system_says_within_a_conversation_is_counted_there(server):
    server.reply(Reply(json={"input_tokens": 70}))
    server.reply(anthropic_answer("Red."))
    task = [{"role": "user", "content": "Colours?"}, {"role": "system", "content": "Be brief."}]

    async with LLM("anthropic:claude-opus-4-8", base_url=server.url, api_key="sk-made-up") as llm:
        await llm.arun(task, max_length=5000)

    counted, asked = server.requests
    assert counted.body["messages"] == asked.body["messages"] == task
    assert "system" not in counted.body


@pytest.mark.anyio
async def test_a_budget_for_thinking_fits_what_the_prompt_leaves(llm, server):
    server.reply(Reply(json={"input_tokens": 70}))
    server.reply(anthropic_answer("Red."))

    await llm.arun("Colours?", max_length=2070, thinking_budget=4000)

    assert server.requests[1].body["max_tokens"] == 2000
    assert server.requests[1].body["thinking"] == {"type": "enabled", "budget_tokens": 1999}


@pytest.mark.anyio
@pytest.mark.parametrize("status", [404, 405, 501])
async def test_where_the_server_cannot_count_the_prompt_is_estimated(llm, server, status):
    server.reply(anthropic_error(status, "not_found_error"))
    server.reply(anthropic_answer("Red."))

    response = await llm.agenerate("Colours?", max_length=100)

    assert 50 < server.requests[1].body["max_tokens"] < 90
    assert "estimate" in response.adjustments[0].reason


@pytest.mark.anyio
async def test_another_error_of_counting_is_an_error(llm, server):
    server.reply(anthropic_error(400, message="messages: roles must be known"))

    with pytest.raises(RequestRejected, match="roles must be known"):
        await llm.arun("Colours?", max_length=100)
    assert len(server.requests) == 1


@pytest.mark.anyio
async def test_a_prompt_that_leaves_no_room_is_not_asked(llm, server):
    server.reply(Reply(json={"input_tokens": 100}))

    with pytest.raises(InvalidParameter, match="leaves no room for an answer"):
        await llm.arun("Colours?", max_length=100)
    assert len(server.requests) == 1


def test_counting_gets_all_keys_that_it_takes_and_no_other():
    of_the_caller = {"user_profile_id", "workspace_id"}

    assert set(COUNTED) == MessageCountTokensParams.__annotations__.keys() - of_the_caller
