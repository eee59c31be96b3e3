"""Responses and errors come back from a journal just as they went in."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncllm import (
    Adjustment,
    Choice,
    IncompleteResponse,
    InvalidParameter,
    JournalError,
    Response,
    Timing,
    TokenLogprob,
    Usage,
    errors,
)
from asyncllm._keys import Keys
from asyncllm.batch._journal._plain import (
    error_as_text,
    error_of,
    response_as_text,
    response_of,
    timing_as_text,
    timing_of,
)

NONE = Keys()
texts = st.text(st.characters(exclude_categories=())) | st.just("\ud800")
seconds = st.floats(0, 1e6) | st.integers(0, 1000)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(texts | st.integers() | st.sampled_from(["tuple", "mapping"]), inner)
    ),
    max_leaves=6,
)
logprobs = st.builds(
    TokenLogprob,
    token=texts,
    logprob=st.floats(max_value=0, allow_nan=False),
    likeliest=st.lists(st.tuples(texts, st.floats(max_value=0, allow_nan=False)), max_size=2).map(tuple),
)
choices = st.builds(
    Choice,
    text=texts,
    finish_reason=st.sampled_from(["stop", "length", "unknown"]),
    matched_stop=st.none() | texts,
    logprobs=st.lists(logprobs, max_size=2).map(tuple),
)
counts = st.integers(0, 2**60)
usages = st.builds(
    Usage,
    input_tokens=counts,
    output_tokens=counts,
    cached_tokens=counts,
    cache_write_tokens=counts,
    reasoning_tokens=counts,
)
timings = st.builds(
    Timing, total=seconds, first_token=st.none() | seconds, held=seconds, queued=st.none() | seconds
)
adjustments = st.builds(
    Adjustment,
    parameter=st.sampled_from(["seed", "logit_bias"]),
    verdict=st.sampled_from(["dropped", "clamped"]),
    asked=values,
    sent=values,
    reason=texts,
)
responses = st.builds(
    Response,
    choices=st.lists(choices, min_size=1, max_size=2).map(tuple),
    usage=st.none() | usages,
    timing=st.none() | timings,
    adjustments=st.lists(adjustments, max_size=2).map(tuple),
    attempts=st.integers(1, 9),
    provider=texts,
    model=texts,
    request_id=st.none() | texts,
)


@given(responses)
def test_a_response_comes_back_as_it_was(response):
    text = response_as_text(response, NONE)

    assert response_of(text) == response
    text.encode()  # As SQLite takes it.


@given(timings)
def test_a_timing_comes_back_as_it_was(timing):
    assert timing_of(timing_as_text(timing)) == timing


def test_what_cannot_happen_has_a_probability_too():
    token = TokenLogprob(token="x", logprob=-math.inf)
    response = Response(choices=(Choice(text="x", logprobs=(token,)),))

    assert response_of(response_as_text(response, NONE)) == response


KINDS = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.LLMError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_comes_back_as_its_own_kind(kind):
    error = kind("it says so")
    error.add_note("and more")

    known = error_of(error_as_text(error, NONE))
    assert (type(known), str(known), vars(known)) == (kind, "it says so", vars(error))


def test_what_an_error_knows_comes_back():
    error = IncompleteResponse("cut", status=200, code="x", request_id="req_1", retry_after=1.5)
    error.text = "what had come"

    known = error_of(error_as_text(error, NONE))
    assert vars(known) == vars(error)
    assert known.text == "what had come"


def test_an_error_of_a_newer_kind_is_the_nearest_above_it():
    text = error_as_text(errors.TimedOut("late"), NONE).replace('"TimedOut"', '"TimedOutTwice"')

    assert type(error_of(text)) is errors.Unavailable


def test_an_error_that_a_plugin_made_is_the_nearest_of_ours():
    class Busy(errors.RateLimited):
        pass

    assert type(error_of(error_as_text(Busy("wait"), NONE))) is errors.RateLimited


def test_only_a_kind_of_error_is_made_of_a_file():
    text = error_as_text(InvalidParameter("x"), NONE).replace('"InvalidParameter"', '"Mapping"')

    assert type(error_of(text)) is errors.ConfigurationError


def test_keys_are_starred_and_words_in_answers_are_not():
    keys = Keys(["sk-0a1b2c3d", "none"])
    spelt = (TokenLogprob(token="sk-0a1b2c3d", logprob=-1.0),)
    adjustment = Adjustment(parameter="seed", verdict="dropped", asked=("sk-0a1b2c3d",), reason="sk-0a1b2c3d")
    response = Response(
        choices=(Choice(text="sk-0a1b2c3d, none", logprobs=spelt), Choice(text="none")),
        adjustments=(adjustment,),
        request_id="sk-0a1b2c3d",
    )

    known = response_of(response_as_text(response, keys))
    assert [choice.text for choice in known.choices] == ["***, none", "none"]
    assert known.choices[0].logprobs == ()
    assert (known.adjustments[0].asked, known.request_id) == (("***",), "***")
    assert str(error_of(error_as_text(JournalError("none at sk-0a1b2c3d"), keys))) == "*** at ***"
