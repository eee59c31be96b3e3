"""Requests go through the vendors' own batches, and each gets its outcome."""

import re
from collections import Counter
from contextlib import aclosing

import pytest
from remote_rig import AT_ONCE, SOON, VENDORS, Items, asked, collected, opened, until

from asyncllm.batch._remote import remote
from asyncllm.errors import (
    AuthenticationFailed,
    ConfigurationError,
    ContextLengthExceeded,
    ProviderError,
    RequestRejected,
    TimedOut,
    Unavailable,
    UnexpectedResponse,
)
from asyncllm.testing import FakeProvider, Reply, ScriptedServer, anthropic_error, openai_error

pytestmark = pytest.mark.anyio

ERRORS = {"openai": openai_error, "anthropic": anthropic_error}


@pytest.fixture(params=VENDORS)
def vendor(request):
    return request.param


@pytest.fixture
def server():
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def run(vendor, server):
    """Have a scripted vendor answer texts; return what came, and the vendor."""
    make, script, model = VENDORS[vendor]

    async def run(texts, fate=None, prepare=lambda batches: None, **options):
        batches = script(fate)
        prepare(batches)
        server.reply(batches)
        async with opened(make, server.url) as provider:
            return await collected(provider, Items(texts, model), **options), batches

    return run


def smaller(monkeypatch, vendor, **limits):
    kind = type(VENDORS[vendor][0]("http://localhost:1").batches())
    for name, value in limits.items():
        monkeypatch.setattr(kind, name, value)


def failing(vendor, *args):
    return ERRORS[vendor](*args)


async def test_every_task_gets_its_own_answer_though_they_come_in_another_order(run):
    found, batches = await run("abcde")

    assert found == {f"key-{text}": (text.upper(), 1) for text in "abcde"}
    assert len(batches.batches) == 1


async def test_custom_ids_are_such_as_both_vendors_take_and_differ(run):
    _, batches = await run("abc")
    ids = [each.custom_id for batch in batches.batches for each in batch.requests]

    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", each) for each in ids)
    assert len(set(ids)) == 3


async def test_a_batch_takes_no_more_requests_than_the_vendor_does(run, vendor, monkeypatch):
    smaller(monkeypatch, vendor, most_requests=3)

    found, batches = await run("abcdefgh")

    assert len(found) == 8
    assert sorted(len(batch.requests) for batch in batches.batches) == [2, 3, 3]


async def test_a_batch_takes_no_more_bytes_than_the_vendor_does(run, vendor, monkeypatch):
    smaller(monkeypatch, vendor, most_bytes=2000)

    found, batches = await run(["a" * 700, "b" * 700, "c"])

    assert len(found) == 3
    assert len(batches.batches) == 2


async def test_a_request_too_long_for_any_batch_is_refused_and_the_others_go(run, vendor, monkeypatch):
    smaller(monkeypatch, vendor, most_bytes=2000)

    found, _ = await run(["a" * 3000, "b"])

    assert found["key-b"] == ("B", 1)
    (error, attempts) = found["key-" + "a" * 3000]
    assert type(error) is RequestRejected
    assert attempts == 0


async def test_what_is_too_much_for_the_memory_lies_on_the_disk_and_arrives_whole(run, monkeypatch):
    monkeypatch.setattr("asyncllm.batch._remote._parcel.IN_MEMORY", 500)
    texts = [f"{number} says hello" for number in range(30)]

    found, _ = await run(texts)

    assert found == {f"key-{text}": (text.upper(), 1) for text in texts}


async def test_what_expired_is_submitted_again_and_the_rest_is_not(run):
    found, batches = await run(
        "abc", lambda each: "expired" if each.text == "b" and each.times == 1 else batches_of(each)
    )

    assert found == {"key-a": ("A", 1), "key-b": ("B", 2), "key-c": ("C", 1)}
    assert max(batches.times.values()) == 2
    assert sum(batches.times.values()) == 4


def batches_of(each):
    vendor = "anthropic" if each.url == "/v1/messages" else "openai"
    return VENDORS[vendor][1].capitals(each)


async def test_what_expires_every_time_is_an_error_in_the_end(run):
    found, batches = await run("ab", lambda each: "expired", rounds=2)

    assert {type(error) for error, _ in found.values()} == {TimedOut}
    assert {attempts for _, attempts in found.values()} == {2}
    assert len(batches.batches) == 2


async def test_what_was_rejected_is_an_error_of_ours_and_is_not_sent_again(run, vendor):
    found, batches = await run("ab", lambda each: failing(vendor, 400))

    assert {type(error) for error, _ in found.values()} == {RequestRejected}
    assert len(batches.batches) == 1


async def test_a_prompt_too_long_says_so(run, vendor):
    said = {"openai": (400, "context_length_exceeded"),
            "anthropic": (400, "invalid_request_error", "prompt is too long: 9 > 8")}  # fmt: skip

    found, _ = await run("a", lambda each: failing(vendor, *said[vendor]))

    assert type(found["key-a"][0]) is ContextLengthExceeded


async def test_a_passing_trouble_of_one_request_is_sat_out_in_another_batch(run, vendor):
    said = {"openai": (503, "server_overloaded"), "anthropic": (529, "overloaded_error")}

    found, _ = await run(
        "ab", lambda each: failing(vendor, *said[vendor]) if each.times < 3 else batches_of(each)
    )

    assert found == {"key-a": ("A", 3), "key-b": ("B", 3)}


async def test_results_that_were_cut_are_read_again_and_nothing_is_asked_twice(run):
    def cut(batches):
        batches.cut_results = 2

    found, batches = await run("abcd", prepare=cut)

    assert len(found) == 4
    assert {attempts for _, attempts in found.values()} == {1}
    assert len(batches.batches) == 1


async def test_a_request_of_which_the_results_say_nothing_is_an_error_and_is_not_paid_for_twice(run):
    def cut(batches):
        batches.cut_results = 99

    found, batches = await run("a", prepare=cut)

    assert type(found["key-a"][0]) is UnexpectedResponse
    assert len(batches.batches) == 1


async def test_a_batch_that_was_made_though_the_answer_says_failure_is_found_and_not_made_twice(run):
    def lose(batches):
        batches.lost_answers = 1

    found, batches = await run("abc", prepare=lose)

    assert len(found) == 3
    assert len(batches.batches) == 1


async def test_a_trouble_while_waiting_is_sat_out(vendor, server):
    make, script, model = VENDORS[vendor]
    batches, troubles = script(), [503, 500, 429]

    def reply(request):
        if request.method == "GET" and troubles:
            return Reply(status=troubles.pop(), json={}, headers={"retry-after": "0"})
        return batches(request)

    server.reply(reply)
    async with opened(make, server.url) as provider:
        found = await collected(provider, Items("ab", model))

    assert len(found) == 2
    assert not troubles


async def test_a_key_that_is_refused_is_the_error_of_each_task(vendor, server):
    make, _, model = VENDORS[vendor]
    server.reply(Reply(status=401, json={}))

    async with opened(make, server.url) as provider:
        found = await collected(provider, Items("ab", model))

    assert {type(error) for error, _ in found.values()} == {AuthenticationFailed}
    assert len(server.requests) == 1


async def test_a_key_that_is_refused_later_ends_the_run_and_nothing_is_said_of_the_tasks(vendor, server):
    make, script, model = VENDORS[vendor]
    batches = script()
    refusal = Reply(status=401, json={})
    server.reply(lambda request: batches(request) if request.method == "POST" else refusal)

    async with opened(make, server.url) as provider:
        with pytest.raises(AuthenticationFailed):
            await collected(provider, Items("ab", model))


async def test_no_more_batches_are_at_the_vendors_than_allowed_and_no_more_tasks_are_taken(
    run, vendor, server, monkeypatch
):
    smaller(monkeypatch, vendor, most_requests=1)
    make, script, model = VENDORS[vendor]
    batches, items = script(looks=10**9), Items("abcdefgh", model)
    server.reply(batches)

    async with (
        opened(make, server.url) as provider,
        aclosing(aiter(items)) as source,
        remote(provider, source, patience=SOON, at_once=2),
    ):
        await until(lambda: len(batches.batches) == 2 and batches.batches[1].looks > 8)

        assert len(batches.batches) == 2
        assert items.taken <= 4


async def test_what_is_still_running_is_cancelled_when_the_block_is_left_without_a_ledger(vendor, server):
    make, script, model = VENDORS[vendor]
    batches = script(looks=10**9)
    server.reply(batches)

    async with (
        opened(make, server.url) as provider,
        remote(provider, aiter(Items("ab", model)), patience=SOON),
    ):
        await until(lambda: any(batch.looks for batch in batches.batches))

    assert [batch.is_cancelled for batch in batches.batches] == [True]


async def test_it_stays_when_the_caller_says_so(vendor, server):
    make, script, model = VENDORS[vendor]
    batches = script(looks=10**9)
    server.reply(batches)

    async with (
        opened(make, server.url) as provider,
        remote(provider, aiter(Items("ab", model)), patience=SOON, cancel_remote=False),
    ):
        await until(lambda: any(batch.looks for batch in batches.batches))

    assert [batch.is_cancelled for batch in batches.batches] == [False]


async def test_what_another_has_cancelled_is_an_error_and_is_not_sent_again(run):
    found, batches = await run("ab", lambda each: "canceled")

    assert {error.code for error, _ in found.values()} <= {"batch_cancelled", "canceled"}
    assert {type(error) for error, _ in found.values()} == {ProviderError}
    assert len(batches.batches) == 1


async def test_the_callers_own_error_comes_out_as_it_is(vendor, server):
    make, script, model = VENDORS[vendor]
    server.reply(script())

    async with opened(make, server.url) as provider:
        with pytest.raises(ZeroDivisionError):
            async with remote(provider, aiter(Items("ab", model)), patience=SOON):
                raise ZeroDivisionError


async def test_so_does_that_of_who_gives_the_tasks(vendor, server):
    make, script, _ = VENDORS[vendor]
    server.reply(script())

    async def items():
        raise ZeroDivisionError
        yield

    async with opened(make, server.url) as provider:
        with pytest.raises(ZeroDivisionError):
            async with remote(provider, items(), patience=SOON) as outcomes:
                [each async for each in outcomes]


async def test_a_provider_without_batches_says_so():
    with pytest.raises(ConfigurationError, match="no batch API"):
        async with remote(FakeProvider(), aiter(Items("ab", "m"))):
            pass


async def test_no_key_is_in_an_error_that_echoes_it(run, vendor):
    found, _ = await run("a", lambda each: failing(vendor, 400, None, "sk-made-up-key-for-tests is bad"))

    assert "***" in str(found["key-a"][0])


class TestOpenAI:
    """What only OpenAI does."""

    @pytest.fixture
    def vendor(self):
        return "openai"

    async def test_each_model_has_batches_of_its_own(self, server):
        make, script, _ = VENDORS["openai"]
        batches = script()
        server.reply(batches)

        async def items():
            for number in range(6):
                yield str(number), asked(str(number), ["gpt-4.1", "gpt-4.1-mini"][number % 2])

        async with opened(make, server.url) as provider:
            found = await collected(provider, items())

        models = [Counter(each.body["model"] for each in batch.requests) for batch in batches.batches]
        assert len(found) == 6
        assert sorted(models, key=str) == [{"gpt-4.1": 3}, {"gpt-4.1-mini": 3}]

    async def test_a_batch_refused_for_one_request_goes_again_without_it(self, run):
        def refuse(batches):
            batches.refusals = [[{"code": "invalid_body", "line": 2, "message": "No.", "param": None}]]

        found, batches = await run("abc", prepare=refuse)

        assert type(found.pop("key-b")[0]) is RequestRejected
        assert found == {"key-a": ("A", 2), "key-c": ("C", 2)}
        assert len(batches.batches) == 2

    async def test_a_batch_for_which_there_is_no_room_waits_without_counting(self, run):
        full = {"code": "token_limit_exceeded", "line": None, "message": "Enqueued token limit reached."}

        def refuse(batches):
            batches.refusals = [[full]] * 5

        found, _ = await run("ab", prepare=refuse, rounds=1)

        assert found == {"key-a": ("A", 1), "key-b": ("B", 1)}

    async def test_an_upload_is_taken_up_again(self, server):
        make, script, model = VENDORS["openai"]
        batches, troubles = script(), [503, 500]

        def reply(request):
            if request.path == "/v1/files" and troubles:
                return Reply(status=troubles.pop(), json={})
            return batches(request)

        server.reply(reply)
        async with opened(make, server.url) as provider:
            found = await collected(provider, Items("ab", model))

        assert len(found) == 2
        assert len(batches.batches) == 1

    async def test_an_upload_says_its_length_and_carries_the_key(self, run, server):
        await run(["é", "ü"])
        (upload,) = [each for each in server.requests if each.path == "/v1/files"]

        assert int(upload.headers["content-length"]) == len(upload.body)
        assert upload.headers["authorization"] == "Bearer sk-made-up-key-for-tests"
        assert "transfer-encoding" not in upload.headers


async def test_a_vendor_that_is_down_is_the_error_of_each_task(vendor, server):
    make, _, model = VENDORS[vendor]
    down = Reply(status=503, json={})
    listed = Reply(json={"data": [], "has_more": False})
    server.reply(lambda request: listed if request.method == "GET" else down)

    async with opened(make, server.url) as provider:
        found = await collected(provider, Items("ab", model), rounds=1)

    assert {type(error) for error, _ in found.values()} == {Unavailable}


async def test_where_nobody_knows_whether_a_batch_was_made_the_run_ends(vendor, server):
    make, _, model = VENDORS[vendor]
    server.reply(Reply(status=503, json={}))

    async with opened(make, server.url) as provider:
        with pytest.raises(Unavailable):
            await collected(provider, Items("ab", model), retry=AT_ONCE, cancel_remote=False)


async def test_too_many_requests_is_no_doubt(vendor, server):
    make, script, model = VENDORS[vendor]
    batches, troubles = script(), [429, 429]

    def reply(request):
        if request.method == "POST" and troubles:
            return Reply(status=troubles.pop(), json={}, headers={"retry-after": "0"})
        return batches(request)

    server.reply(reply)
    async with opened(make, server.url) as provider:
        found = await collected(provider, Items("ab", model))

    assert len(found) == 2
    assert not any(each.method == "GET" and "limit=" in each.path for each in server.requests)
