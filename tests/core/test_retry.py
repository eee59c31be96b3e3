"""What is worth trying again is tried again."""

import time

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncllm import (
    LLM,
    AuthenticationFailed,
    InvalidParameter,
    InvalidResponse,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    Retry,
    TimedOut,
    Unavailable,
)
from asyncllm.testing import FakeProvider

pytestmark = pytest.mark.anyio


def failing(*errors, then="ok"):
    """Make a provider that raises *errors*, one a request, and then answers."""
    left = list(errors)

    def reply(request):
        if left:
            raise left.pop(0)
        return then

    return FakeProvider(reply=reply)


def asking(fake, **retry):
    return LLM("m", provider=lambda: fake, retry=Retry(**{"wait_initial": 0, **retry}))


@pytest.mark.parametrize("kind", [RateLimited, Unavailable, TimedOut, InvalidResponse])
async def test_what_may_pass_is_tried_again(kind):
    fake = failing(kind("once"), kind("twice"))
    reply = await asking(fake).agenerate("x")

    assert (reply.text, reply.attempts, len(fake.requests)) == ("ok", 3, 3)
    assert fake.running == 0


@pytest.mark.parametrize("kind", [RequestRejected, AuthenticationFailed, QuotaExceeded, ZeroDivisionError])
async def test_what_will_not_pass_is_not(kind):
    fake = failing(kind("never"))
    with pytest.raises(kind, match="never"):
        await asking(fake).arun("x")

    assert len(fake.requests) == 1


async def test_the_last_error_comes_out_once_the_attempts_are_used_up():
    fake = failing(*[Unavailable(f"attempt {number}") for number in (1, 2, 3, 4)])
    with pytest.raises(Unavailable, match="attempt 4"):
        await asking(fake, attempts=4).arun("x")

    assert len(fake.requests) == 4


async def test_one_attempt_is_no_retry():
    fake = failing(Unavailable("down"))
    with pytest.raises(Unavailable):
        await asking(fake, attempts=1).arun("x")

    assert len(fake.requests) == 1


async def test_the_wait_that_the_provider_asks_for_is_kept():
    fake = failing(RateLimited("slow down", retry_after=0.2))
    began = time.monotonic()
    await asking(fake).arun("x")

    assert time.monotonic() - began >= 0.2


async def test_a_wait_of_no_time_is_honoured_whatever_the_others_would_be():
    fake = failing(RateLimited("slow down", retry_after=0), RateLimited("slow down", retry_after=0))
    with anyio.fail_after(30):
        await asking(fake, wait_initial=3600, wait_max=3600).arun("x")

    assert len(fake.requests) == 3


async def test_a_wait_longer_than_the_longest_is_not_sat_out():
    fake = failing(RateLimited("come back later", retry_after=30.5))
    with pytest.raises(RateLimited) as caught:
        await asking(fake, wait_max=30).arun("x")

    assert caught.value.retry_after == 30.5
    assert len(fake.requests) == 1


async def test_a_call_that_waits_to_try_again_can_be_cancelled():
    fake = failing(RateLimited("slow down", retry_after=3600))
    waiting = anyio.Event()
    llm = asking(fake, wait_max=3600)

    async def ask():
        waiting.set()
        await llm.arun("x")

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await waiting.wait()
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()

    assert len(fake.requests) == 1


async def test_each_item_of_a_batch_has_its_own_attempts():
    failed = set()

    def reply(request):
        text = request.messages[-1].text
        if text not in failed:
            failed.add(text)
            raise Unavailable(text)
        return text

    fake = FakeProvider(reply=reply)

    assert await asking(fake).abatch_run(["a", "b", "c"]) == ["a", "b", "c"]
    assert len(fake.requests) == 6


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempts": 0},
        {"attempts": 1.5},
        {"attempts": "3"},
        {"wait_initial": -1},
        {"wait_max": -0.1},
        {"wait_max": float("nan")},
    ],
)
def test_a_retry_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(InvalidParameter, match=f"{next(iter(wrong))} takes a"):
        Retry(**wrong)


@given(st.floats(0, 5), st.floats(0, 60), st.integers(1, 60))
def test_no_wait_of_ours_is_longer_than_the_longest(initial, longest, attempt):
    import tenacity

    retry = Retry(wait_initial=initial, wait_max=longest)
    state = tenacity.RetryCallState(None, None, (), {})
    state.attempt_number = attempt

    assert 0 <= retry._wait(state) <= min(longest, initial * 2 ** (attempt - 1))
