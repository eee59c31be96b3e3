"""What an Ollama server answers, read line by line."""

import anyio
import anyio.to_thread
import pytest

from asyncllm import LLM, Message, TokenLogprob, Usage
from asyncllm.testing import Reply, ScriptedServer, ollama_answer, ollama_stream
from asyncllm_ollama import OllamaProvider

pytestmark = pytest.mark.anyio


@pytest.fixture
async def llm(server):
    async with LLM("llama3.2", provider=OllamaProvider, base_url=server.url) as llm:
        yield llm


async def until(condition):
    with anyio.fail_after(10):
        while not condition():  # noqa: ASYNC110  # the condition is another thread's
            await anyio.sleep(0.005)


async def read(llm, task="?", **params):
    """Return the pieces of a stream, and the response."""
    async with llm.astream(task, **params) as stream:
        pieces = [piece async for piece in stream]
    return pieces, stream.response


async def test_an_answer_is_all_that_the_server_said_of_it(llm, server):
    server.reply(ollama_stream("Red", ", ", "blue.", usage={"prompt_eval_count": 26, "eval_count": 5}))

    response = await llm.agenerate("Colours?")

    assert response.text == "Red, blue."
    assert response.finish_reason == "stop"
    assert response.matched_stop is None
    assert response.usage == Usage(input_tokens=26, output_tokens=5)
    assert response.model == "llama3.2"
    assert response.timing.total > 0


async def test_a_whole_answer_too_is_asked_for_as_a_stream(llm, server):
    server.reply(ollama_stream("ok"))

    await llm.arun("Colours?", system_prompt="Be brief.")

    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/api/chat")
    assert request.headers["content-type"] == "application/json"
    assert request.body == {
        "model": "llama3.2",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Colours?"}],
        "stream": True,
        "truncate": False,
    }


async def test_a_stream_gives_the_pieces_and_then_the_same_answer(llm, server):
    server.reply(ollama_stream("Red", ", ", "blue."))

    pieces, response = await read(llm)

    assert pieces == ["Red", ", ", "blue."]
    assert response.text == "Red, blue."
    assert response.usage == Usage(input_tokens=12, output_tokens=2)
    assert response.finish_reason == "stop"


async def test_an_answer_that_comes_in_one_piece_is_read_all_the_same(llm, server):
    server.reply(ollama_answer("Red, blue."))

    assert await llm.arun("?") == "Red, blue."
    assert (await read(llm))[0] == ["Red, blue."]


@pytest.mark.parametrize("chunks", [[1], [2, 3, 5, 7], [10_000]])
async def test_a_stream_may_be_split_anywhere(llm, server, chunks):
    server.reply(ollama_stream("Grün", " и ", "青 🙂"), chunks=chunks)

    pieces, _ = await read(llm)

    assert pieces == ["Grün", " и ", "青 🙂"]


@pytest.mark.parametrize("chunks", [[1], [10_000]])
@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\\n", "\\r\\n", "\x7f"])
async def test_only_a_line_feed_ends_a_line(llm, server, mark, chunks):
    line = f'{{"message": {{"content": "a{mark}b"}}, "done": true, "done_reason": "stop"}}\n'
    server.reply(body=line.encode(), headers={"content-type": "application/x-ndjson"}, chunks=chunks)

    assert await llm.arun("?") == f"a{mark}b".replace("\\n", "\n").replace("\\r", "\r")


@pytest.mark.parametrize("chunks", [[1], [10_000]])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", "\n\r\n \n", ""])
async def test_lines_may_end_as_on_windows_be_empty_and_the_last_have_no_end(llm, server, end, chunks):
    lines = ['{"message": {"content": "a"}, "done": false}', '{"message": {"content": "b"}, "done": true}']
    server.reply(
        body=((end or "\n").join(lines) + end).encode(),
        headers={"content-type": "application/x-ndjson"},
        chunks=chunks,
    )

    assert await llm.arun("?") == "ab"


async def test_thoughts_are_not_part_of_the_answer(llm, server):
    server.reply(ollama_stream("Red.", thinking="The user wants a colour."))
    server.reply(ollama_answer("Red.", thinking="The user wants a colour."))

    assert await llm.arun("?") == "Red."
    assert await llm.arun("?") == "Red."


@pytest.mark.parametrize(
    ("said", "meant"),
    [("stop", "stop"), ("length", "length"), ("load", "unknown"), ("unload", "unknown"), ("new", "unknown")],
)
async def test_finish_reasons_have_one_vocabulary(llm, server, said, meant):
    server.reply(ollama_stream("x", done_reason=said))

    assert (await llm.agenerate("?")).finish_reason == meant


async def test_a_model_that_asks_for_a_tool_has_not_ended_its_answer(llm, server):
    call = {"function": {"name": "clock", "arguments": {}}}
    server.reply(
        lines=[
            {"message": {"role": "assistant", "content": "", "tool_calls": [call]}, "done": False},
            {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"},
        ]
    )

    assert (await llm.agenerate("?")).finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("usage", "meant"),
    [
        ({}, None),
        ({"eval_count": 5}, Usage(input_tokens=0, output_tokens=5)),
        ({"prompt_eval_count": None, "eval_count": "x"}, None),
    ],
)
async def test_counts_may_be_missing(llm, server, usage, meant):
    server.reply(ollama_stream("x", usage=usage))

    assert (await llm.agenerate("?")).usage == meant


async def test_log_probabilities_are_those_of_the_answer_alone(llm, server):
    def line(content, token, **more):
        logprobs = [
            {"token": token, "logprob": -0.5, "bytes": [0], "top_logprobs": more.pop("likeliest", [])}
        ]
        return {"message": {"content": content, **more}, "done": False, "logprobs": logprobs}

    server.reply(
        lines=[
            line("", "Hm", thinking="Hm"),
            line(
                "Red", "Red", likeliest=[{"token": "Red", "logprob": -0.5}, {"token": "Blue", "logprob": -2}]
            ),
            line(".", "."),
            {"message": {"content": ""}, "done": True},
        ]
    )

    response = await llm.agenerate("?", logprobs=2)

    assert server.requests[0].body["logprobs"] is True
    assert server.requests[0].body["top_logprobs"] == 2
    assert response.choices[0].logprobs == (
        TokenLogprob(token="Red", logprob=-0.5, likeliest=(("Red", -0.5), ("Blue", -2.0))),
        TokenLogprob(token=".", logprob=-0.5),
    )


async def test_what_only_goes_along_does_not_cost_the_answer(llm, server):
    server.reply(
        lines=[
            {
                "message": {"content": "ok", "thinking": 5, "images": None},
                "model": 5,
                "logprobs": "x",
                "x": 1,
            },
            {"message": None, "done": True, "done_reason": 5},
        ]
    )

    response = await llm.agenerate("?")

    assert (response.text, response.finish_reason) == ("ok", "unknown")


async def test_a_developer_speaks_as_the_system_does(llm, server):
    server.reply(ollama_stream("ok"))

    await llm.arun([Message("developer", "Be kind."), Message("user", "?")])

    assert [message["role"] for message in server.requests[0].body["messages"]] == ["system", "user"]


async def test_leaving_a_stream_early_closes_its_connection(llm, server):
    server.reply(ollama_stream("a", "b", "c"), hold_after=1)

    async with llm.astream("?") as stream:
        async for _ in stream:
            break

    assert stream.response.finish_reason == "cancelled"
    await anyio.to_thread.run_sync(server.wait_for_disconnect)
    await until(lambda: server.connections == 0)


@pytest.mark.parametrize("reply", [Reply(hold=True), ollama_stream("a", "b"), Reply(status=500, body=b"abc")])
async def test_cancelling_a_call_closes_its_connection(llm, server, reply):
    server.reply(reply, **({} if reply.hold else {"hold_after": 1}))

    async with anyio.create_task_group() as group:
        group.start_soon(llm.arun, "?")
        await until(lambda: server.requests)
        group.cancel_scope.cancel()

    await anyio.to_thread.run_sync(server.wait_for_disconnect)
    await until(lambda: server.connections == 0)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_one_llm_serves_one_event_loop_after_another(backend):
    with ScriptedServer() as server:
        server.reply(ollama_stream("ok"))
        llm = LLM("llama3.2", provider=OllamaProvider, base_url=server.url)

        assert [anyio.run(llm.arun, "?", backend=backend) for _ in range(2)] == ["ok", "ok"]
        assert llm.run("?") == "ok"
        llm.close()
