"""What goes wrong comes out as an error of ours, with all that helps."""

import json
import traceback

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
)
from asyncllm.testing import (
    Reply,
    ScriptedServer,
    anthropic_answer,
    anthropic_error,
    anthropic_stream,
    openai_answer,
    openai_error,
    openai_stream,
)

pytestmark = pytest.mark.anyio

MODELS = {"openai": "openai:gpt-4.1", "anthropic": "anthropic:claude-sonnet-4-6"}
ANSWERS = {"openai": openai_answer, "anthropic": anthropic_answer}
STREAMS = {"openai": openai_stream, "anthropic": anthropic_stream}
ONCE = Retry(attempts=1)
AT_ONCE = Retry(attempts=3, wait_initial=0)

TOO_LARGE = "Request too large for gpt-4.1 on tokens per min (TPM): Limit 30000, Requested 40000."

STATUSES = {
    400: RequestRejected,
    401: AuthenticationFailed,
    402: QuotaExceeded,
    403: AuthenticationFailed,
    404: ModelNotFound,
    408: TimedOut,
    409: RequestRejected,
    413: RequestRejected,
    418: RequestRejected,
    422: RequestRejected,
    429: RateLimited,
    500: Unavailable,
    501: RequestRejected,
    502: Unavailable,
    503: Unavailable,
    504: TimedOut,
    529: Unavailable,
}  # fmt: skip


@pytest.fixture(params=MODELS)
def provider(request):
    return request.param


@pytest.fixture
def make(provider, server, settings_for):
    def make(**options):
        return LLM(
            MODELS[provider], max_tokens=500, **({"retry": ONCE} | settings_for(provider, server) | options)
        )

    return make


async def failing(llm, *, stream):
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
    server.reply(Reply(status=status, json={"error": {"message": "No."}}, headers={"retry-after": "0.25"}))

    error = await failing(make(), stream=stream)

    assert type(error) is STATUSES[status]
    assert error.status == status
    assert error.retry_after == 0.25
    assert "No." in str(error)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (openai_error(429, "insufficient_quota"), QuotaExceeded),
        (openai_error(400, "context_length_exceeded"), ContextLengthExceeded),
        (openai_error(404, "model_not_found"), ModelNotFound),
        (openai_error(400, None, kind="exceed_context_size_error"), ContextLengthExceeded),
        (Reply(json={"error": {"message": "late", "code": 502}}), Unavailable),
        (Reply(json={"error": "late"}), Unavailable),
        (Reply(json={"error": {"message": "late", "code": "insufficient_quota"}}), QuotaExceeded),
    ],
)
async def test_openais_own_codes_say_more_than_the_status(server, settings_for, reply, kind):
    server.reply(reply)

    error = await failing(LLM("openai:gpt-4.1", retry=ONCE, **settings_for("openai", server)), stream=False)

    assert type(error) is kind


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (anthropic_error(400, "invalid_request_error", "prompt is too long: 9 > 8"), ContextLengthExceeded),
        (anthropic_error(400, "billing_error"), QuotaExceeded),
        (anthropic_error(529, "overloaded_error"), Unavailable),
        (anthropic_error(404, "not_found_error"), ModelNotFound),
        (Reply(json={"type": "error", "error": {"type": "overloaded_error", "message": "x"}}), Unavailable),
    ],
)
async def test_anthropics_own_types_say_more_than_the_status(server, settings_for, reply, kind):
    server.reply(reply)
    llm = LLM("claude-opus-4-8", max_tokens=9, retry=ONCE, **settings_for("anthropic", server))

    error = await failing(llm, stream=False)

    assert type(error) is kind


async def test_the_request_id_is_in_the_error(make, provider, server):
    server.reply({"openai": openai_error, "anthropic": anthropic_error}[provider](500))

    error = await failing(make(), stream=False)

    assert error.request_id.startswith("req_")


@pytest.mark.parametrize("after", [0, 1, 3, 4])
async def test_a_stream_that_just_ends_is_no_answer(make, provider, server, after):
    server.reply(STREAMS[provider]("a", "b", "c"), cut_after=after)

    error = await failing(make(), stream=True)

    assert type(error) is IncompleteResponse
    assert "abc".startswith(error.text)


@pytest.mark.parametrize("after", [0, 1, 4])
async def test_a_connection_that_breaks_is_unavailable(make, provider, server, after):
    server.reply(STREAMS[provider]("a", "b", "c"), reset_after=after)

    error = await failing(make(), stream=True)

    assert type(error) is Unavailable


async def test_an_answer_cut_short_is_invalid(make, provider, server):
    server.reply(ANSWERS[provider]("a long answer"), cut_after=60)

    error = await failing(make(), stream=False)

    assert isinstance(error, InvalidResponse)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"<html>busy</html>"),
        Reply(body=b""),
        Reply(body=b'{"choices": [{"mess'),
        Reply(body=b"\xff\xfe"),
        Reply(body=b'{"model": "\xff"}'),
        Reply(body=b"{}", headers={"content-encoding": "gzip"}),
    ],
    ids=["html", "empty", "cut", "no text", "no text in quotes", "no gzip"],
)
@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_what_cannot_be_read_is_called_invalid_and_asked_for_again(make, server, reply, stream):
    server.reply(reply)

    error = await failing(make(retry=AT_ONCE), stream=stream)

    assert type(error) is InvalidResponse
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "body",
    [[], "ok", None, {}, {"choices": 5, "content": 5}, {"choices": [], "type": "list"}, {"choices": None}],
    ids=str,
)
@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_a_whole_answer_of_another_shape_is_not_paid_for_again(make, server, body, stream):
    server.reply(body=json.dumps(body).encode())

    error = await failing(make(retry=AT_ONCE), stream=stream)

    assert type(error) is UnexpectedResponse
    assert isinstance(error, InvalidResponse)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(events=["{not json"]), InvalidResponse),
        (Reply(body=b"<html>busy</html>", headers={"content-type": "text/html"}), InvalidResponse),
        (Reply(events=[{"choices": "x", "type": 7}]), UnexpectedResponse),
    ],
    ids=["malformed", "a page", "wrong types"],
)
async def test_what_is_no_stream_is_called_invalid(make, server, reply, kind):
    server.reply(reply)

    error = await failing(make(), stream=True)

    assert type(error) is kind


@pytest.mark.parametrize(
    ("model", "reply", "kind"),
    [
        ("openai:gpt-4.1", Reply(events=[{"error": {"message": "x", "code": "server_error"}}]), Unavailable),
        (
            "anthropic:claude-opus-4-8",
            Reply(
                events=[("error", {"type": "error", "error": {"type": "overloaded_error", "message": "x"}})]
            ),
            Unavailable,
        ),
    ],
)
async def test_an_error_within_a_stream_is_raised(server, settings_for, model, reply, kind):
    server.reply(reply)
    llm = LLM(model, max_tokens=9, retry=ONCE, **settings_for(model.partition(":")[0], server))

    error = await failing(llm, stream=True)

    assert type(error) is kind


@pytest.mark.parametrize("status", [200, 429])
@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_a_request_that_is_larger_than_a_minutes_limit_of_openais_is_not_tried_again(
    settings_for, server, status, stream
):
    server.reply(openai_error(status, "rate_limit_exceeded", TOO_LARGE, "tokens"))
    llm = LLM(MODELS["openai"], retry=AT_ONCE, **settings_for("openai", server))

    error = await failing(llm, stream=stream)

    assert type(error) is ContextLengthExceeded
    assert "Limit 30000, Requested 40000" in str(error)
    assert error.code == "rate_limit_exceeded"
    assert len(server.requests) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_an_error_that_comes_with_status_200_is_that_error(make, server, stream):
    error = {"message": "Slow down.", "type": "rate_limit_error", "code": "rate_limit_exceeded"}
    server.reply(
        json={"type": "error", "error": error}, headers={"content-type": "application/JSON; charset=x"}
    )

    error = await failing(make(), stream=stream)

    assert type(error) is RateLimited
    assert str(error) == "Slow down."


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_a_redirect_is_not_followed_and_says_where_it_led(make, server, status, stream):
    with ScriptedServer() as other:
        elsewhere = other.url.replace("127.0.0.1", "me:secret@localhost")
        server.reply(status=status, headers={"location": elsewhere + "/v1?key=secret"})

        error = await failing(make(retry=AT_ONCE, headers={"x-token": "made-up"}), stream=stream)

        assert other.requests == []
    assert type(error) is RequestRejected
    assert error.status == status
    assert f"on to {other.url.replace('127.0.0.1', 'localhost')}/v1;" in str(error)
    assert "secret" not in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize("location", ["http://[::1", "", "//", "\x7f"])
async def test_a_redirect_to_nowhere_is_no_crash(make, server, location):
    server.reply(status=302, headers={"location": location})

    assert type(await failing(make(), stream=False)) is RequestRejected


async def test_nobody_there_is_unavailable_and_says_so(provider, settings_for):
    class Nowhere:
        url = "http://127.0.0.1:9"

    llm = LLM(MODELS[provider], max_tokens=9, retry=ONCE, **settings_for(provider, Nowhere))

    error = await failing(llm, stream=False)

    assert type(error) is Unavailable
    assert "connect" in str(error).lower()


async def test_a_passing_trouble_is_tried_again_by_us_alone(make, provider, server):
    server.reply(Reply(status=503, json={}, headers={"retry-after": "0"}))
    server.reply(Reply(status=429, json={}, headers={"retry-after-ms": "1"}))
    server.reply(ANSWERS[provider]("at last"))

    async with make(retry=AT_ONCE) as llm:
        response = await llm.agenerate("?")

    assert response.text == "at last"
    assert response.attempts == 3
    assert len(server.requests) == 3


async def test_attempts_do_not_multiply(make, server):
    server.reply(Reply(status=500, json={}))

    await failing(make(retry=AT_ONCE), stream=False)

    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 402, 404, 429])
async def test_a_body_that_says_no_more_than_a_wrong_request_leaves_it_to_the_status(make, server, status):
    # As a wrong key comes from OpenAI: its code is in no table, and the type is that of all wrong requests.
    body = {"message": "No.", "type": "invalid_request_error", "code": "of_nobodys"}
    server.reply(Reply(status=status, json={"type": "error", "error": body}))

    assert type(await failing(make(), stream=False)) is STATUSES[status]


@pytest.mark.parametrize("status", [400, 401, 402, 404])
async def test_what_will_never_work_is_sent_once(make, server, status):
    server.reply(Reply(status=status, json={}))

    await failing(make(retry=AT_ONCE), stream=False)

    assert len(server.requests) == 1


async def test_a_stream_is_tried_again_until_its_first_event_and_not_after(make, provider, server):
    server.reply(Reply(status=503, json={}))
    server.reply(STREAMS[provider]("a", "b", "c"), cut_after=4)

    error = await failing(make(retry=AT_ONCE), stream=True)

    assert type(error) is IncompleteResponse
    assert len(server.requests) == 2


async def test_a_wait_longer_than_the_cap_is_not_sat_out(make, server):
    server.reply(Reply(status=429, json={}, headers={"retry-after": "86400"}))

    error = await failing(make(retry=AT_ONCE), stream=False)

    assert error.retry_after == 86400
    assert len(server.requests) == 1


async def test_a_key_that_the_server_echoes_is_starred_out_everywhere(make, server):
    key = "sk-made-up-key-for-tests"
    server.reply(Reply(status=401, json={"error": {"message": f"Incorrect API key provided: {key}"}}))

    error = await failing(make(), stream=False)

    assert "***" in str(error)
    assert key not in "".join(traceback.format_exception(error))
    assert key not in repr(error)
