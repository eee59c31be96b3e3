"""The words that callers and providers share add up."""

import dataclasses

import pytest

from asyncllm import Adjustment, Choice, IncompleteResponse, Response, Timing, Usage
from asyncllm.provider import Answer, Delta


def answered(*deltas):
    answer = Answer()
    for delta in deltas:
        answer.add(delta)
    return answer


def test_an_answer_is_put_together_from_its_events():
    reply = answered(
        Delta(model="exact", request_id="r", usage=Usage(input_tokens=3, output_tokens=1)),
        Delta(text="a"),
        Delta(text="b", finish_reason="stop_sequence", matched_stop="."),
        Delta(usage=Usage(input_tokens=3, output_tokens=2)),
    ).response()

    assert reply.choices == (Choice(text="ab", finish_reason="stop_sequence", matched_stop="."),)
    assert reply.usage == Usage(input_tokens=3, output_tokens=2)
    assert (reply.model, reply.request_id) == ("exact", "r")
    assert 0 < reply.timing.first_token <= reply.timing.total


def test_several_texts_come_side_by_side_and_each_must_end():
    first, second = Delta(text="a", finish_reason="stop"), Delta(text="b", index=1)
    answer = answered(second, first)

    assert not answer.is_complete
    assert answer.text == "a"
    with pytest.raises(IncompleteResponse):
        answer.response()
    answer.add(Delta(text="c", index=1, finish_reason="length"))
    assert answer.response().texts == ("a", "bc")
    assert [choice.finish_reason for choice in answer.response().choices] == ["stop", "length"]


def test_an_answer_without_a_text_has_no_first_token():
    assert answered(Delta(finish_reason="refusal")).response().timing.first_token is None


def test_an_answer_that_has_not_begun_is_not_complete():
    with pytest.raises(IncompleteResponse) as caught:
        answered(Delta(request_id="r")).response()

    assert (caught.value.text, caught.value.request_id) == ("", "r")


@pytest.mark.parametrize(
    ("usage", "timing", "rate"),
    [
        (Usage(input_tokens=1, output_tokens=11), Timing(total=3, first_token=1), 5),
        (Usage(input_tokens=1, output_tokens=10), Timing(total=5), 2),
        (Usage(input_tokens=1, output_tokens=111, reasoning_tokens=100), Timing(total=3, first_token=1), 5),
        (Usage(input_tokens=1, output_tokens=10, reasoning_tokens=4), Timing(total=5), 2),
        (Usage(input_tokens=1, output_tokens=1), Timing(total=2, first_token=2), 0.5),
        (Usage(input_tokens=1, output_tokens=5), Timing(total=2, first_token=2), None),
        (Usage(input_tokens=1, output_tokens=0), Timing(total=2), None),
        (None, Timing(total=2), None),
        (Usage(input_tokens=1, output_tokens=1), None, None),
    ],
)
def test_the_rate_is_that_of_the_tokens_after_the_first(usage, timing, rate):
    assert Response(choices=(Choice(text="x"),), usage=usage, timing=timing).tokens_per_second == rate


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"verdict": "clamped", "asked": 2, "sent": 1, "reason": "accepts 0 to 1"},
            "clamped x (2 -> 1): accepts 0 to 1",
        ),
        ({"verdict": "dropped", "asked": 2}, "dropped x (2)"),
        ({"verdict": "translated", "asked": None, "sent": 0}, "translated x (None -> 0)"),
    ],
)
def test_an_adjustment_says_what_became_of_what(change, words):
    assert str(Adjustment(parameter="x", **change)) == words


def test_data_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Choice(text="a").text = "b"


def test_a_response_without_a_text_cannot_be_made():
    with pytest.raises(ValueError, match="at least one choice"):
        Response(choices=())
