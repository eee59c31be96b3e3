"""What goes wrong with an Ollama server comes out as an error of ours."""

import traceback

import anyio
import pytest

from asyncllm import (
    LLM,
    AuthenticationFailed,
    ContextLengthExceeded,
    IncompleteResponse,
    InvalidResponse,
    LLMError,
    ModelNotFound,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    Retry,
    TimedOut,
    Unavailable,
    UnexpectedResponse,
    http,
)
from asyncllm.testing import Reply, ScriptedServer, ollama_error, ollama_stream
from asyncllm_ollama import OllamaProvider

pytestmark = pytest.mark.anyio

ONCE = Retry(attempts=1)
AT_ONCE = Retry(attempts=3, wait_initial=0)
KEY = "made-up-key-for-tests"
NDJSON = {"content-type": "application/x-ndjson"}

STATUSES = {
    400: RequestRejected,
    401: AuthenticationFailed,
    402: QuotaExceeded,
    403: AuthenticationFailed,
    404: ModelNotFound,
    408: TimedOut,
    409: RequestRejected,
    413: RequestRejected,
    422: RequestRejected,
    429: RateLimited,
    499: RequestRejected,
    500: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: TimedOut,
    529: Unavailable,
}  # fmt: skip


@pytest.fixture
def make(server):
    def make(**options):
        return LLM("llama3.2", provider=OllamaProvider, **{"retry": ONCE, "base_url": server.url} | options)

    return make


async def failing(llm, *, stream=False):
    """Return the error that a call fails with."""
    async with llm:
        with pytest.raises(LLMError) as caught:
            if stream:
                async with llm.astream("?") as pieces:
                    async for _ in pieces:
                        pass
            else:
                await llm.arun("?")
    return caught.value


@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
@pytest.mark.parametrize("status", STATUSES)
async def test_every_status_has_its_error(make, server, status, stream):
    server.reply(ollama_error(status, "No.", headers={"retry-after": "0.25", "x-request-id": "r1"}))

    error = await failing(make(), stream=stream)

    assert type(error) is STATUSES[status]
    assert str(error) == "No."
    assert (error.status, error.retry_after, error.request_id) == (status, 0.25, "r1")
    assert isinstance(error.__cause__, http.StatusError)


@pytest.mark.parametrize(
    ("reply", "words", "code"),
    [
        (Reply(status=400, json={"error": "text"}), "text", None),
        (Reply(status=400, json={"error": {"message": "text", "code": "c"}}), "text", "c"),
        (Reply(status=400, json={"error": {"message": "text", "code": 5, "type": "t"}}), "text", "t"),
        (Reply(status=400, json={"message": "text", "code": "c"}), "text", "c"),
        (Reply(status=400, json={"error": "text", "code": "c"}), "text", "c"),
        (Reply(status=400, json={"detail": "text"}), "text", None),
        (Reply(status=400, json=["text"]), '["text"]', None),
        (Reply(status=400, body=b"400 text\n"), "400 text", None),
        (Reply(status=400, body=b"\xff"), "\ufffd", None),
        (Reply(status=400, body=b"[" * 100_000), "[" * 100_000, None),
        (Reply(status=400), "the server answered 400 Bad Request", None),
        (Reply(status=400, body=b"x", headers={"content-encoding": "gzip"}), "the server answered 400", None),
        (Reply(status=400, json={"error": "text"}, reset_after=3), "the server answered 400", None),
    ],
    ids=[
        "Ollama's", "OpenAI's", "a type", "a message", "a code beside", "a detail", "a list", "a text",
        "no text", "deep", "nothing", "no gzip", "cut",
    ],
)  # fmt: skip
async def test_an_errors_words_are_found_wherever_they_stand(make, server, reply, words, code):
    server.reply(reply)

    error = await failing(make())

    assert type(error) is RequestRejected
    assert str(error).startswith(words)
    assert error.code == code


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "request (20 tokens) exceeds the available context size (8 tokens), try increasing it"),
        (400, "the prompt is longer than the context length currently available to the model; shorten it"),
        (500, "the input length exceeds the context length"),
    ],
)
async def test_a_prompt_that_does_not_fit_is_told_from_other_refusals(make, server, status, words):
    server.reply(ollama_error(status, words))

    error = await failing(make(retry=AT_ONCE))

    assert type(error) is ContextLengthExceeded
    assert error.status == status
    assert len(server.requests) == 1


async def test_a_model_that_is_not_there_is_named(make, server):
    server.reply(ollama_error(404, "model 'llama3.2' not found"))

    error = await failing(make(retry=AT_ONCE))

    assert type(error) is ModelNotFound
    assert "llama3.2" in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("model runner has unexpectedly stopped", Unavailable),
        ("exceeds the available context size", ContextLengthExceeded),
        ({"message": "overloaded"}, Unavailable),
    ],
)
async def test_an_error_within_a_stream_is_raised(make, server, error, kind, stream):
    server.reply(lines=[{"message": {"content": "a"}, "done": False}, {"error": error}])

    caught = await failing(make(), stream=stream)

    assert type(caught) is kind
    assert str(caught) == (error if isinstance(error, str) else "overloaded")


async def test_an_error_that_comes_with_status_200_is_that_error(make, server):
    server.reply(ollama_error(200, "out of memory"))

    error = await failing(make())

    assert type(error) is Unavailable
    assert str(error) == "out of memory"


@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_stream_that_just_ends_is_no_answer(make, server, after, stream):
    server.reply(ollama_stream("a", "b", "c"), cut_after=after)

    error = await failing(make(), stream=stream)

    assert type(error) is IncompleteResponse
    assert error.text == "abc"[:after]


async def test_a_stream_cut_anywhere_is_no_answer(make, server):
    whole = b"".join(ollama_stream("Gr\u00fcn").pieces())
    async with make() as llm:
        for end in range(len(whole) - 1):
            server.reply(body=whole[:end], headers=NDJSON)
            with pytest.raises(IncompleteResponse):
                await llm.arun("?")

        server.reply(body=whole[:-1], headers=NDJSON)
        assert await llm.arun("?") == "Gr\u00fcn"


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_connection_that_breaks_is_unavailable(make, server, after):
    server.reply(ollama_stream("a", "b", "c"), reset_after=after)

    assert type(await failing(make(), stream=True)) is Unavailable


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"<html>busy</html>"),
        Reply(body=b""),
        Reply(body=b'{"message": {"cont'),
        Reply(body=b"\xff\xfe"),
        Reply(body=b'{"model": "\xff"}'),
        Reply(body=b"{}", headers={"content-encoding": "gzip"}),
        Reply(body=b"<html>\nbusy\n</html>\n", headers=NDJSON),
        Reply(body=b"\xff\xfe\n", headers=NDJSON),
    ],
    ids=[
        "html",
        "empty",
        "cut",
        "no text",
        "no text in quotes",
        "no gzip",
        "lines",
        "no lines",
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_what_cannot_be_read_is_called_invalid_and_asked_for_again(make, server, reply, stream):
    server.reply(reply)

    error = await failing(make(retry=AT_ONCE), stream=stream)

    assert isinstance(error, InvalidResponse)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "line", [[], "ok", None, 5, {}, {"message": 5}, {"error": 5}, {"choices": []}], ids=str
)
async def test_an_answer_of_another_shape_is_not_paid_for_again(make, server, line):
    server.reply(lines=[line])

    error = await failing(make(retry=AT_ONCE))

    assert type(error) is UnexpectedResponse
    assert len(server.requests) == 1


async def test_a_passing_trouble_is_tried_again(make, server):
    server.reply(ollama_error(503, "server busy, please try again.  maximum pending requests exceeded"))
    server.reply(ollama_error(429))
    server.reply(ollama_stream("at last"))

    async with make(retry=AT_ONCE) as llm:
        response = await llm.agenerate("?")

    assert response.text == "at last"
    assert response.attempts == 3


@pytest.mark.parametrize("location", [{}, {"location": "/api/chat2"}])
async def test_a_redirect_is_not_followed(make, server, location):
    server.reply(status=302, headers=location)

    error = await failing(make(retry=AT_ONCE))

    assert type(error) is RequestRejected
    assert error.status == 302
    assert len(server.requests) == 1


async def test_nobody_there_is_unavailable_and_says_so():
    error = await failing(LLM("llama3.2", provider=OllamaProvider, base_url="http://127.0.0.1:9", retry=ONCE))

    assert type(error) is Unavailable
    assert "connect" in str(error).lower()


@pytest.mark.parametrize("status", [200, 401])
async def test_a_key_that_the_server_echoes_is_starred_out_everywhere(make, server, status):
    server.reply(ollama_error(status, f"no such key: {KEY}"))

    error = await failing(make(api_key=KEY))

    assert "***" in str(error)
    assert KEY not in "".join(traceback.format_exception(error))
    assert KEY not in repr(error)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_loop_after_one_with_an_error_gets_its_answer(backend):
    with ScriptedServer() as server:
        server.reply(ollama_error(400))
        server.reply(ollama_stream("ok"))
        llm = LLM("llama3.2", provider=OllamaProvider, base_url=server.url, retry=ONCE)

        with pytest.raises(RequestRejected):
            anyio.run(llm.arun, "?", backend=backend)
        assert anyio.run(llm.arun, "?", backend=backend) == "ok"
