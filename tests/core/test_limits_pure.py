"""The parts of which limits are made: buckets, windows, paces and budgets, on a clock of the test's own."""

import itertools
import math
from collections import deque
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncllm import InvalidParameter, Limits
from asyncllm._limits._allowances import STALE, Allowances
from asyncllm._limits._bucket import Bucket, per_minute
from asyncllm._limits._budget import RESERVE, Budget
from asyncllm._limits._pace import LONGEST, Pace
from asyncllm._limits._refusals import Refusals, Refused
from asyncllm._limits._settings import strictest
from asyncllm._limits._window import START, Window
from asyncllm.provider import Allowance

GAPS = st.lists(st.floats(0, 20), min_size=1, max_size=200)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_concurrency": 0},
        {"max_concurrency": 1.5},
        {"requests_per_minute": 0},
        {"requests_per_minute": float("nan")},
        {"tokens_per_minute": -1},
        {"adaptive": None},
        {"retry_budget": 1.5},
        {"retry_budget": None},
    ],
)
def test_limits_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InvalidParameter, match=f"{next(iter(wrong))} takes"):
        Limits(**wrong)


def test_of_several_limits_the_strictest_holds():
    both = strictest([Limits(max_concurrency=3), Limits(max_concurrency=5, requests_per_minute=60)])

    assert both == Limits(max_concurrency=3, requests_per_minute=60)
    assert strictest([]) == Limits()


@given(st.floats(0.5, 5000), GAPS)
def test_in_no_minute_are_there_more_requests_than_the_limit(most, gaps):
    bucket, now, sent = Bucket(*per_minute(most)), 0.0, []
    for gap in gaps:
        now = max(now + gap / 10, bucket.ready_at(1, now + gap / 10))
        bucket.take(1, now)
        sent.append(now)

    for begin in sent:
        assert sum(begin <= at < begin + 60 - 1e-6 for at in sent) <= max(1, math.ceil(most))


@given(st.floats(60, 10_000), st.lists(st.floats(1, 500), min_size=2, max_size=100))
def test_what_is_asked_all_the_time_is_let_through_at_the_rate_of_the_limit(most, costs):
    bucket, now = Bucket(*per_minute(most)), 0.0
    for cost in costs:
        now = bucket.ready_at(cost, now)
        bucket.take(cost, now)

    last = max(costs)
    assert now <= (sum(costs) + last) / bucket.rate + 1e-6


def test_a_request_that_is_larger_than_the_bucket_waits_and_is_let_through():
    bucket = Bucket(10, 100)
    bucket.take(50, 0)

    assert bucket.ready_at(1000, 0) == 5
    bucket.take(1000, 5)
    assert bucket.ready_at(1, 5) == pytest.approx(5 + 90.1)


def test_what_was_estimated_too_high_is_given_back():
    bucket = Bucket(1, 100)
    bucket.take(100, 0)
    bucket.take(-60, 0)

    assert bucket.ready_at(60, 0) == 0


def test_another_rate_does_not_forget_what_was_taken():
    bucket = Bucket(1, 10)
    bucket.take(10, 0)
    bucket.set_rate(2, 20, 0)

    assert bucket.level(0) == 10


def test_a_window_doubles_with_each_round_and_shrinks_once_for_a_round():
    window = Window()
    for _ in range(START):
        window.answered(running=START)
    assert window.size == 2 * START

    for _ in range(5):
        window.overloaded(sent_at=1.0, running=60, now=2.0)
    assert window.size == pytest.approx(42)

    window.overloaded(sent_at=2.5, running=40, now=3.0)
    assert window.size == pytest.approx(28)


def test_a_window_that_nobody_fills_does_not_grow():
    window = Window()
    for _ in range(1000):
        window.answered(running=3)

    assert window.size == START


@given(st.lists(st.booleans(), max_size=300))
def test_a_window_always_has_room_for_one(outcomes):
    window = Window()
    for at, is_well in enumerate(outcomes):
        if is_well:
            window.answered(running=int(window.size))
        else:
            window.overloaded(sent_at=at - 0.5, running=int(window.size), now=at)

        assert 1 <= window.size < math.inf


def allowed(rate, capacity):
    """Make a server's own limit: a bucket that says when it takes the next request."""
    bucket = Bucket(rate, capacity)

    def ask(now):
        if bucket.ready_at(1, now) > now:
            return max(bucket.ready_at(1, now) - now, 0.001)
        bucket.take(1, now)
        return None

    return ask


def at_most(count, seconds):
    """Make another kind: so many in any span of so many seconds."""
    taken = deque()

    def ask(now):
        while taken and taken[0] <= now - seconds:
            taken.popleft()
        if len(taken) >= count:
            return max(taken[0] + seconds - now, 0.001)
        taken.append(now)
        return None

    return ask


def storm(ask, *, requests, trip, whole_seconds):
    """Send *requests* through a window and a pace, as fast as they allow; return seconds and refusals."""
    pace, window, now, extra, left = Pace(), Window(), 0.0, 0, requests
    under_way, serial = {}, itertools.count()
    while left:
        back = min((at for at, *_ in under_way.values()), default=math.inf)
        may = math.inf if len(under_way) >= min(window.size, left) else pace.ready_at
        now = max(now, min(back, may))
        if may <= now:
            pace.sent(now)
            under_way[next(serial)] = (now + trip, now, ask(now + trip / 2))
            continue
        key = min(under_way, key=lambda each: under_way[each][0])
        _, sent_at, wait = under_way.pop(key)
        if wait is None:
            left -= 1
            pace.passed(sent_at)
            window.answered(len(under_way) + 1)
        else:
            extra += 1
            wait = math.ceil(wait) if whole_seconds else wait
            pace.refused(sent_at, wait, now, [sent for _, sent, _ in under_way.values()])
    return now, extra


@pytest.mark.parametrize("limit", [partial(allowed, 20, 20), partial(at_most, 20, 1)])
@pytest.mark.parametrize("whole_seconds", [True, False])
@pytest.mark.parametrize("trip", [0.005, 0.05])
@pytest.mark.parametrize("requests", [300, 3000])
def test_nine_tenths_of_what_a_server_allows_are_used_and_a_fifth_is_refused_at_most(
    limit, trip, whole_seconds, requests
):
    seconds, extra = storm(limit(), requests=requests, trip=trip, whole_seconds=whole_seconds)

    assert requests / seconds >= 18
    assert extra < requests / 5


def test_a_pace_finds_a_limit_that_was_lifted():
    limit = [allowed(5, 5)]
    pace, now = Pace(), 0.0
    for _ in range(3000):
        now = max(now + 0.01, pace.ready_at)
        pace.sent(now)
        if now > 30:
            limit[0] = allowed(1000, 1000)
        wait = limit[0](now) if now <= 30 else None
        if wait is None:
            pace.passed(now)
        else:
            pace.refused(now, wait, now, [])

    assert pace.rate(now) > 50


def test_a_pace_is_forgotten_where_nobody_asked_for_a_minute():
    pace, now = Pace(), 0.0
    for _ in range(10):
        now = max(now, pace.ready_at)
        pace.sent(now)
        pace.refused(now, None, now, [])
    now = pace.resumes
    pace.sent(now)
    assert pace.rate(now) < 1

    pace.sent(now + 2 * LONGEST)
    assert pace.rate(now) == math.inf


@given(st.lists(st.tuples(st.booleans(), st.one_of(st.none(), st.floats(0, 1e12))), max_size=100))
def test_no_pause_is_longer_than_the_longest_and_no_rate_is_none_at_all(outcomes):
    pace, now = Pace(), 0.0
    for is_well, asked in outcomes:
        now = max(now, pace.ready_at)
        pace.sent(now)
        if is_well:
            pace.passed(now)
        else:
            pace.refused(now, asked, now + 0.1, [])

        assert pace.ready_at <= now + 1.1 * LONGEST
        assert pace.rate(now) > 0


@pytest.mark.parametrize("number", [-1.0, float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("field", ["remaining", "limit", "reset"])
def test_headers_that_make_no_sense_hold_nothing_up(field, number):
    allowances = Allowances()
    given = {"remaining": 5.0, "limit": 10.0, "reset": 1.0, field: number}
    allowances.told(Allowance(of="requests", **given), under_way=0, now=0)

    assert allowances.ready_at({"requests": 1}, 0) == 0


@given(st.floats(0, 1e15), st.floats(0, 1e15), st.floats(1e-9, 1e15))
def test_headers_hold_nothing_up_for_longer_than_they_count(remaining, limit, reset):
    allowances = Allowances()
    allowances.told(Allowance(of="requests", remaining=remaining, limit=limit, reset=reset), 0, now=0)

    assert allowances.ready_at({"requests": 1}, 0) <= STALE
    assert allowances.ready_at({"requests": 1}, STALE) == STALE


def test_what_headers_say_is_left_is_used_up_and_comes_again():
    allowances = Allowances()
    allowances.told(Allowance(of="tokens", remaining=30, limit=100, reset=7), under_way=20, now=0)

    assert allowances.ready_at({"tokens": 10}, 0) == 0
    allowances.take({"tokens": 10}, 0)
    assert allowances.ready_at({"tokens": 10}, 0) == pytest.approx(1)


def test_in_an_outage_a_fifth_is_tried_again_and_a_few_more():
    budget, again = Budget(), 0
    for _ in range(500):
        budget.earn(0.2, 0)
        again += budget.spend(0)

    assert 100 <= again <= 100 + RESERVE


def test_what_was_sent_long_ago_lets_nothing_be_tried_again():
    budget = Budget()
    for _ in range(10_000):
        budget.earn(0.2, 0)

    assert sum(budget.spend(3600) for _ in range(100)) == RESERVE


def test_who_is_refused_again_while_all_later_ones_pass_has_itself_to_blame():
    refusals, huge = Refusals(), Refused()
    assert not refusals.is_own(huge, sent_at=1)
    refusals.passed(sent_at=2)
    assert refusals.is_own(huge, sent_at=3)


def test_a_refusal_is_the_servers_pace_where_nothing_later_passed_or_others_are_refused_too():
    refusals, first, second = Refusals(), Refused(), Refused()
    refusals.passed(sent_at=0.5)
    assert not any(refusals.is_own(first, sent_at=at) for at in (1, 2, 3))

    refusals.passed(sent_at=3.5)
    assert not refusals.is_own(second, sent_at=4)
    assert not refusals.is_own(first, sent_at=5)


def test_who_is_overtaken_often_has_itself_to_blame_also_where_others_are_refused():
    refusals, huge, verdicts = Refusals(), Refused(), []
    for at in range(0, 40, 10):
        verdicts.append(refusals.is_own(huge, sent_at=at))
        refusals.passed(sent_at=at + 1)
        assert not refusals.is_own(Refused(), sent_at=at + 2)

    assert verdicts == [False, False, False, True]
