"""A text is split where it has its joints, and nothing of it is lost."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncllm._summaries._passages import beginning, split

LETTERS = "ab .!?\n\r\t\"'é中。»🚀"
TEXTS = st.text(st.sampled_from(LETTERS), max_size=300) | st.text(
    st.characters(exclude_categories=("Cs",)), max_size=200
)
LIMITS = st.integers(min_value=4, max_value=120)


def size(text):
    return len(text.encode())


@given(TEXTS, LIMITS)
def test_the_passages_are_the_text_and_none_is_above_the_limit(text, limit):
    passages = split(text, limit)

    assert "".join(passages) == text
    assert all(0 < size(passage) <= limit for passage in passages)


@given(TEXTS, LIMITS)
def test_there_are_not_many_more_passages_than_there_have_to_be(text, limit):
    sizes = [size(passage) for passage in split(text, limit)]

    # Where one is short the next would not have fitted in beside it, but for what a half-filled one leaves.
    assert all(one + other > limit // 4 for one, other in pairwise(sizes))


@given(st.lists(st.text("abcdé中", min_size=1, max_size=10), min_size=1, max_size=60))
def test_a_word_that_fits_is_not_cut(words):
    text = " ".join(words)
    passages = split(text, 40)

    assert [word for passage in passages for word in passage.split()] == words


@given(TEXTS, LIMITS)
def test_a_beginning_is_one_and_fits(text, limit):
    begun = beginning(text, limit)

    assert text.startswith(begun)
    assert size(begun) <= limit
    assert begun or not text


@pytest.mark.parametrize(
    ("text", "limit", "passages"),
    [
        ("", 10, []),
        ("short", 10, ["short"]),
        ("one. two\nthree four\n\nfive six seven", 24, ["one. two\nthree four\n\n", "five six seven"]),
        ("one\r\n \r\ntwo three", 12, ["one\r\n \r\n", "two three"]),
        ("one two.\nthree. four five", 18, ["one two.\n", "three. four five"]),
        ("He said: “No.” And he went.", 22, ["He said: “No.” ", "And he went."]),
        ("今日は雨。明日は晴れ。", 18, ["今日は雨。", "明日は晴れ。"]),
        ("3.14 is pi, and 2.72 is e", 16, ["3.14 is pi, ", "and 2.72 is e"]),
        ("x" * 10, 4, ["xxxx", "xxx", "xxx"]),
        ("ééééé", 5, ["éé", "é", "éé"]),
        ("🚀🚀🚀", 4, ["🚀", "🚀", "🚀"]),
    ],
)
def test_passages_end_at_the_best_joint_there_is(text, limit, passages):
    assert split(text, limit) == passages


def test_passages_are_about_the_same_size():
    text = "word " * 1050
    sizes = [size(passage) for passage in split(text, 5000)]

    assert len(sizes) == 2
    assert max(sizes) - min(sizes) <= 10


def test_a_better_joint_right_at_the_start_is_none():
    text = "A title\n\n" + "A sentence of words. " * 20

    assert split(text, 200)[0].startswith("A title\n\nA sentence")


def test_a_limit_that_no_letter_fits_into_is_refused():
    with pytest.raises(ValueError, match="at least 4 bytes; got 3"):
        split("x", 3)


@pytest.mark.parametrize(
    "text", ["." * 300_000, "\n" * 300_000, " " * 300_000, "\r\n " * 100_000, ".\"'" * 99_999]
)
def test_no_text_takes_long(text):
    began = time.process_time()
    assert "".join(split(text, 100_000)) == text

    assert time.process_time() - began < 5
