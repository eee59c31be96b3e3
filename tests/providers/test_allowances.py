"""What the rate-limit headers of the vendors say."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncllm.http._allowances import allowances, seconds
from asyncllm.provider import Allowance
from asyncllm_anthropic import AnthropicProvider
from asyncllm_openai import OpenAIProvider


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1s", 1),
        ("6m0s", 360),
        ("12ms", 0.012),
        ("1h2m", 3720),
        ("1m26.4s", 86.4),
        ("8.64s", 8.64),
        ("30", 30),
        ("0.5", 0.5),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("6m0", None),
        ("10000-01-01T00:00:00Z", None),
    ],
)
def test_when_a_limit_is_whole_again(text, expected):
    assert seconds(text) == (expected if expected is None else pytest.approx(expected))


def test_when_a_limit_is_whole_again_as_a_date():
    moment = datetime.now(UTC) + timedelta(seconds=100)
    rfc, epoch = moment.isoformat().replace("+00:00", "Z"), time.time() + 100

    for text in (rfc, f"{epoch:.0f}", f"{epoch * 1000:.0f}"):
        assert seconds(text) == pytest.approx(100, abs=5)


@given(st.text())
def test_no_text_of_a_header_raises(text):
    assert seconds(text) is None or isinstance(seconds(text), float | int)


def test_openais_headers():
    headers = {
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-remaining-requests": "499",
        "x-ratelimit-reset-requests": "120ms",
        "x-ratelimit-limit-tokens": "30000",
        "x-ratelimit-remaining-tokens": "29980",
        "x-ratelimit-reset-tokens": "40ms",
    }

    assert [*allowances(OpenAIProvider.allowance_headers, headers)] == [
        Allowance(of="requests", remaining=499, limit=500, reset=pytest.approx(0.12)),
        Allowance(of="tokens", remaining=29980, limit=30000, reset=pytest.approx(0.04)),
    ]


def test_anthropics_headers():
    kinds = ("requests", "tokens", "input-tokens", "output-tokens")
    headers = {f"anthropic-ratelimit-{kind}-remaining": "7" for kind in kinds}
    headers |= {f"anthropic-ratelimit-{kind}-limit": "50" for kind in kinds}

    read = [*allowances(AnthropicProvider.allowance_headers, headers)]

    assert [each.of for each in read] == ["requests", "tokens", "input_tokens", "output_tokens"]
    assert {(each.remaining, each.limit, each.reset) for each in read} == {(7, 50, None)}


def test_an_answer_without_such_headers_says_nothing():
    assert [*allowances(OpenAIProvider.allowance_headers, {"x-ratelimit-remaining-requests": "many"})] == []
