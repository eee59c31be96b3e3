"""Stop tokens are found alike, however the text is cut into pieces."""

from hypothesis import given
from hypothesis import strategies as st

from asyncllm._stops import StopMatcher

# Few letters, so that stop tokens do come up, overlap and begin one another.
letters = st.sampled_from("ab\n")
texts = st.text(letters, max_size=24)
stop_sets = st.lists(st.text(letters, min_size=1, max_size=4), max_size=4)


@st.composite
def texts_in_pieces(draw):
    text = draw(texts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def cut_as_a_whole(text, stops):
    """What must come out: the text before the stop token that begins first; of two there, the shorter."""
    found = [(text.index(stop), len(stop), stop) for stop in stops if stop in text]
    if not found:
        return text, None

    at, _, stop = min(found)
    return text[:at], stop


@given(texts_in_pieces(), stop_sets)
def test_a_text_in_pieces_is_cut_where_the_whole_text_would_be(pieces, stops):
    matcher = StopMatcher(stops)

    out = "".join(matcher.push(piece) for piece in pieces) + matcher.finish()

    assert cut_as_a_whole("".join(pieces), stops) == (out, matcher.matched)


@given(texts_in_pieces(), stop_sets)
def test_no_more_is_held_back_than_may_still_become_a_stop_token(pieces, stops):
    matcher, text, out = StopMatcher(stops), "", ""
    for piece in pieces:
        text, out = text + piece, out + matcher.push(piece)
        if matcher.matched is not None:
            break
        held = text.removeprefix(out)
        assert text == out + held
        assert held == "" or any(len(held) < len(stop) and stop.startswith(held) for stop in stops)


@given(texts_in_pieces(), stop_sets, texts)
def test_nothing_comes_out_after_a_stop_token(pieces, stops, more):
    matcher = StopMatcher(stops)
    for piece in pieces:
        matcher.push(piece)
    matcher.finish()

    assert matcher.matched is None or (matcher.push(more), matcher.finish()) == ("", "")


def test_without_stop_tokens_every_piece_passes_at_once():
    matcher = StopMatcher(())

    assert [matcher.push(piece) for piece in ("a", "", "b")] == ["a", "", "b"]
    assert matcher.finish() == ""
    assert matcher.matched is None


def test_a_stop_token_within_a_longer_one_waits_until_the_longer_one_cannot_come():
    matcher = StopMatcher(["END\n\n", "D"])

    assert [matcher.push(piece) for piece in ("the EN", "D", "\n")] == ["the ", "", ""]
    assert matcher.matched is None
    assert matcher.push("more") == "EN"
    assert matcher.matched == "D"
