"""What is a key is starred wherever it stands, and nothing else is."""

import pytest

from asyncllm._keys import Keys, in_headers, may_be_key, named


def test_the_longest_key_is_starred_first_and_leaves_no_tail():
    texts = ["sk-first", "sk-first-and-more", "and-more-of-it"]

    assert Keys(texts).star("sk-first-and-more sk-first") == "*** ***"
    assert (Keys(texts[:1]) | Keys(texts[1:])).star("sk-first-and-more") == "***"


def test_the_words_of_a_key_are_keys_and_the_scheme_before_it_is_none():
    keys = Keys(["Bearer sk-first", "Token short 0a1b2c3d"])

    assert keys.star("no Bearer Token: sk-first, 0a1b2c3d, short") == "no Bearer Token: ***, ***, short"
    assert keys.star("Bearer sk-first") == "***"


def test_texts_and_names_are_starred_all_the_way_down():
    value = {"a sk-first": [("sk-first", 1), {"b": "x sk-first", 7: None}]}

    assert Keys(["sk-first"]).star(value) == {"a ***": [("***", 1), {"b": "x ***", 7: None}]}


@pytest.mark.parametrize("word", ["seed", "assistant", "temperature", "Bearer", "EMPTY"])
def test_a_key_that_is_a_word_is_starred_in_texts_and_stays_in_names(word):
    assert Keys([word]).star({word: word}) == {word: "***"}


@pytest.mark.parametrize("text", ["", " ", "x", "ab", " ab\n"])
def test_what_stands_in_every_text_is_no_key(text):
    assert Keys([text]).star("about x ab") == "about x ab"


def test_a_key_of_ones_own_may_be_short():
    assert Keys(["a7c"]).star("the key a7c") == "the key ***"


@pytest.mark.parametrize(
    ("text", "whether"),
    [
        *((text, False) for text in ("true", "12345", "assistant", "Assistant", "DISABLED")),
        *((text, True) for text in ("123456", "a1b2c3", "abcDEF", "red-team", "a" * 13)),
    ],
)
def test_of_what_is_not_known_words_are_no_keys(text, whether):
    assert may_be_key(text) is whether


def test_names_tell_keys():
    environment = {"A_KEY": "first-value", "my_token": "second", "PASSWORD": "third-value", "B_KEY": "true"}

    assert set(named({**environment, "HOME": "/home/somebody"})) == {"first-value", "second", "third-value"}
    assert set(in_headers({"x-by": "assistant", "x-api-key": "swordfish", "x-a": "a1b2c3"})) == {
        "swordfish",
        "a1b2c3",
    }


def test_keys_are_not_shown():
    assert "first" not in repr(Keys(["sk-first"]))
