"""An answer as it comes."""

from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.lowlevel import checkpoint

from asyncllm import LLM, IncompleteResponse, RateLimited, Retry, Unavailable, Usage
from asyncllm.provider import Delta, Provider
from asyncllm.rules import StopTokens
from asyncllm.testing import FakeProvider

pytestmark = pytest.mark.anyio

AT_ONCE = Retry(wait_initial=0)


class Scripted(Provider):
    """Streams what the scripts say, one script a call: events, an error to raise, or what to await."""

    def __init__(self, *scripts):
        self.scripts = list(scripts)
        self.asked = 0
        self.given = 0
        self.running = 0

    def rules(self, model, params):
        return {"stop_token": StopTokens()}

    @asynccontextmanager
    async def stream(self, request):
        self.asked += 1
        self.running += 1
        try:
            yield self.deltas(self.scripts.pop(0))
        finally:
            self.running -= 1

    async def deltas(self, script):
        for event in script:
            await checkpoint()
            if isinstance(event, Exception):
                raise event
            if callable(event):
                await event()
            self.given += 1
            yield Delta(text=event) if isinstance(event, str) else event


END = Delta(finish_reason="stop")


async def collect(stream, pieces):
    async for piece in stream:
        pieces += [piece]


def streaming(*scripts, retry=AT_ONCE):
    provider = Scripted(*scripts)
    return LLM("m", provider=lambda: provider, retry=retry), provider


async def test_the_pieces_come_one_by_one_and_the_response_is_behind_them():
    llm = LLM("m", provider=lambda: FakeProvider(reply="a b c"))
    async with llm.astream("one two") as stream:
        pieces = [piece async for piece in stream]

    assert pieces == ["a", " b", " c"]
    assert stream.text == stream.response.text == "a b c"
    assert stream.response.finish_reason == "stop"
    assert stream.response.usage == Usage(input_tokens=2, output_tokens=3)
    assert (stream.response.provider, stream.response.model) == ("FakeProvider", "m")
    assert 0 < stream.response.timing.first_token <= stream.response.timing.total


async def test_the_response_is_there_before_the_end_as_far_as_it_goes():
    llm, _ = streaming(["a", "b", END])
    async with llm.astream("x") as stream:
        await anext(stream)
        assert (stream.response.text, stream.response.finish_reason) == ("a", "unknown")
        await anext(stream)
        assert (stream.text, stream.response.text) == ("ab", "ab")
        assert [piece async for piece in stream] == []
        assert stream.response.finish_reason == "stop"


async def test_leaving_early_stops_the_provider_and_is_called_cancelled():
    llm, provider = streaming(["a", "b", "c", END])
    async with llm.astream("x") as stream:
        async for _ in stream:
            break
        assert provider.running == 1

    assert (provider.running, provider.given) == (0, 1)
    assert (stream.response.text, stream.response.finish_reason) == ("a", "cancelled")
    assert stream.response is stream.response
    assert [piece async for piece in stream] == []


async def test_a_stream_that_ended_stays_ended_when_it_is_left():
    llm, _ = streaming(["a", Delta(finish_reason="length")])
    async with llm.astream("x") as stream:
        async for _ in stream:
            pass

    assert stream.response.finish_reason == "length"


async def test_a_text_that_is_over_keeps_its_reason_though_what_follows_is_not_waited_for():
    usage = Delta(usage=Usage(input_tokens=1, output_tokens=1))
    llm, _ = streaming([Delta(text="a", finish_reason="stop"), usage])
    async with llm.astream("x") as stream:
        await anext(stream)

    assert (stream.response.finish_reason, stream.response.usage) == ("stop", None)


async def test_an_error_in_the_block_ends_the_stream_and_comes_out():
    llm, provider = streaming(["a", "b", END])
    with pytest.raises(ZeroDivisionError):
        async with llm.astream("x") as stream:
            async for _ in stream:
                raise ZeroDivisionError

    assert provider.running == 0
    assert stream.response.finish_reason == "cancelled"


async def test_cancelling_a_stream_stops_the_provider():
    taken = anyio.Event()
    llm, provider = streaming(["a", anyio.sleep_forever])

    async def take():
        async with llm.astream("x") as stream:
            async for _ in stream:
                taken.set()

    async with anyio.create_task_group() as group:
        group.start_soon(take)
        await taken.wait()
        group.cancel_scope.cancel()

    assert provider.running == 0


async def test_an_emulated_stop_token_ends_the_stream_and_stops_the_provider():
    llm, provider = streaming(["one ", "ST", "OP tw", "o", END])
    async with llm.astream("x", stop_token="STOP") as stream:
        pieces = [piece async for piece in stream]

    assert pieces == ["one "]
    assert (provider.given, provider.running) == (3, 0)
    assert (stream.response.text, stream.response.finish_reason) == ("one ", "stop_sequence")
    assert stream.response.matched_stop == "STOP"


async def test_what_is_held_back_comes_out_when_the_text_ends():
    llm, _ = streaming(["one ST", "O", END])
    async with llm.astream("x", stop_token="STOP") as stream:
        assert [piece async for piece in stream] == ["one ", "STO"]

    assert (stream.response.text, stream.response.matched_stop) == ("one STO", None)


async def test_a_stop_token_in_the_very_first_piece_leaves_nothing_and_keeps_what_is_known():
    llm, _ = streaming([Delta(text="STOP", model="exact", request_id="r"), END])
    async with llm.astream("x", stop_token="STOP") as stream:
        assert [piece async for piece in stream] == []

    reply = stream.response
    assert (reply.text, reply.finish_reason, reply.matched_stop) == ("", "stop_sequence", "STOP")
    assert (reply.model, reply.request_id, reply.provider) == ("exact", "r", "Scripted")
    assert [change.verdict for change in reply.adjustments] == ["emulated"]


async def test_a_stream_that_just_ends_is_no_answer_and_what_came_is_in_the_error():
    llm, provider = streaming(["a", "b"])
    pieces = []
    with pytest.raises(IncompleteResponse, match="without its closing event") as caught:
        async with llm.astream("x") as stream:
            await collect(stream, pieces)

    assert pieces == ["a", "b"]
    assert caught.value.text == "ab"
    assert provider.asked == 1


async def test_what_was_held_back_for_a_stop_token_is_in_the_error_too():
    llm, _ = streaming(["one ", "STO"])
    with pytest.raises(IncompleteResponse) as caught:
        async with llm.astream("x", stop_token="STOP") as stream:
            async for _ in stream:
                pass

    assert caught.value.text == "one STO"


async def test_an_answer_that_just_ends_is_asked_for_again_and_the_last_failure_comes_out():
    llm, provider = streaming(["a"], ["ab"], ["abc"])
    with pytest.raises(IncompleteResponse) as caught:
        await llm.arun("x")

    assert (provider.asked, caught.value.text) == (3, "abc")


async def test_until_the_first_piece_a_failure_is_retried():
    before_any_text = Delta(model="exact", request_id="r")
    llm, provider = streaming(
        [RateLimited("slow down")],
        [before_any_text, Unavailable("down")],
        [before_any_text],
        ["a", END],
        retry=Retry(attempts=4, wait_initial=0),
    )
    async with llm.astream("x") as stream:
        assert provider.running == 1
        assert [piece async for piece in stream] == ["a"]

    assert (stream.response.attempts, provider.asked) == (4, 4)


async def test_a_piece_that_is_still_held_back_was_seen_by_nobody():
    llm, _ = streaming(["ST", Unavailable("down")], ["a", END])
    async with llm.astream("x", stop_token="STOP") as stream:
        assert [piece async for piece in stream] == ["a"]

    assert stream.response.attempts == 2


async def test_once_text_was_seen_nothing_is_retried():
    llm, provider = streaming(["a", Unavailable("down")], ["b", END])
    pieces = []
    with pytest.raises(Unavailable, match="down"):
        async with llm.astream("x") as stream:
            await collect(stream, pieces)

    assert (pieces, provider.asked, provider.running) == (["a"], 1, 0)


async def test_an_empty_answer_is_an_answer():
    llm, _ = streaming([END])
    async with llm.astream("x") as stream:
        assert [piece async for piece in stream] == []

    assert (stream.response.text, stream.response.finish_reason) == ("", "stop")
    assert stream.response.attempts == 1
    assert stream.response.provider == "Scripted"


async def test_an_attempt_that_failed_is_let_go_before_the_next_begins():
    class Watched(Scripted):
        most_running = 0

        async def deltas(self, script):
            self.most_running = max(self.most_running, self.running)
            async for delta in super().deltas(script):
                yield delta

    provider = Watched([Unavailable("down")], [Unavailable("down")], ["a", END])
    async with LLM("m", provider=lambda: provider, retry=AT_ONCE).astream("x") as stream:
        assert [piece async for piece in stream] == ["a"]

    assert provider.most_running == 1


async def test_a_stream_from_a_task_group_fails_with_the_error_and_not_with_a_group():
    class Grouping(Provider):
        def rules(self, model, params):
            return {}

        @asynccontextmanager
        async def stream(self, request):
            async with anyio.create_task_group():
                yield self.deltas()

        async def deltas(self):
            raise RateLimited("slow down", retry_after=99)
            yield Delta()

    llm = LLM("m", provider=Grouping)
    with pytest.raises(RateLimited, match="slow down"):
        async with llm.astream("x"):
            raise AssertionError
    with pytest.raises(RateLimited, match="slow down"):
        await llm.arun("x")


async def test_several_streams_at_once_do_not_mix():
    llm = LLM("m", provider=lambda: FakeProvider(reply=lambda request: request.messages[-1].text))
    texts = {}

    async def take(text):
        async with llm.astream(text) as stream:
            texts[text] = "".join([piece async for piece in stream])

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(take, f"this is number {number}")

    assert len(texts) == 20
    assert all(asked == answered for asked, answered in texts.items())


async def test_a_stream_that_was_left_gives_nothing_more():
    llm = LLM("m", provider=FakeProvider, retry=Retry(attempts=1))

    async with llm.astream("x") as stream:
        pass

    assert [piece async for piece in stream] == []
    assert stream.response.finish_reason == "cancelled"


async def test_a_stream_whose_reader_was_cancelled_was_left_and_not_cut():
    llm = LLM("m", provider=lambda: FakeProvider(reply="a b", pause=0.01))

    async with llm.astream("x") as stream:
        with anyio.CancelScope() as scope:
            async for _ in stream:
                scope.cancel()
        assert [piece async for piece in stream] == []

    assert stream.response.finish_reason == "cancelled"


def test_a_blocking_stream_that_was_left_gives_nothing_more():
    with LLM("m", provider=FakeProvider).stream("x") as stream:
        pass

    assert list(stream) == []
