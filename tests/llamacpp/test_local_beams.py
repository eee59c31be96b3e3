"""Beam search through the engine: Hugging Face's answers, beside whatever else is computed."""

import json
import re
import threading
import time
from collections import Counter
from functools import partial

import anyio
import anyio.to_thread
import pytest
from hypothesis import assume
from hypothesis import given as given_any
from hypothesis import strategies as st
from searches import END, NESTED, STURDY, found, search, wanted

from asyncllm import ContextLengthExceeded, InvalidParameter, RequestRejected
from asyncllm_llamacpp import _context, _model
from asyncllm_llamacpp._beam_options import search as looked_for
from asyncllm_llamacpp._grammar import Grammar

pytestmark = pytest.mark.anyio

FREE = {"temperature": None, "logit_bias": None, "max_tokens": 20}
"""What leaves the tiny model as it was for Hugging Face."""
LAST_BITS = 0.03


@pytest.fixture
def make_free(make_tiny):
    """Make the tiny model as Hugging Face had it, and give its engine."""
    return lambda **given: make_tiny(**{**FREE, **given})


@pytest.fixture
def open_grammars(monkeypatch):
    """All that llama.cpp holds of grammars."""
    grammars = []
    made, fork, close = Grammar.__init__, Grammar.fork, Grammar.close

    def make(grammar, *given):
        made(grammar, *given)
        grammars.append(grammar)

    def fork_and_note(grammar):
        grammars.append(fork(grammar))
        return grammars[-1]

    monkeypatch.setattr(Grammar, "__init__", make)
    monkeypatch.setattr(Grammar, "fork", fork_and_note)
    monkeypatch.setattr(Grammar, "close", lambda grammar: grammars.remove(grammar) or close(grammar))
    return grammars


def kept_to(grammar):
    return {"provider_options": {"llamacpp": {"grammar": grammar}}}


NOWHERE = 'root ::= "\\x00"'
"""What no token fits: llama.cpp lets none begin with a zero byte."""


async def several(llm, calls):
    """Return the responses to *calls*, which are made at the same time."""
    responses = [None] * len(calls)

    async def ask(at, prompt, given):
        responses[at] = await llm.agenerate(prompt, **given)

    async with anyio.create_task_group() as group:
        for at, (prompt, given) in enumerate(calls):
            group.start_soon(ask, at, prompt, given)
    return responses


def test_of_what_hugging_face_was_asked_enough_is_tried():
    settings = [case["setting"] for case, _ in STURDY]

    assert len(STURDY) > 100
    assert {setting["num_beams"] for setting in settings} == {2, 3, 4, 5}
    assert {setting.get("early_stopping") for setting in settings} >= {True, False, "never"}
    assert {setting.get("length_penalty", 1) for setting in settings} >= {-1, 0, 1, 2}
    assert {setting.get("repetition_penalty", 1) for setting in settings} >= {1.0, 1.3}
    assert any(setting["num_return_sequences"] < setting["num_beams"] for setting in settings)
    assert any(setting.get("do_sample") for setting in settings)
    assert all(
        any(name in setting for setting in settings)
        for name in ("logit_bias", "frequency_penalty", "presence_penalty", "is_nested", "logprobs")
    )
    assert {len(setting.get("eos_token_id", [END])) for setting in settings} == {1, 2, 4}


async def test_answers_are_hugging_faces(make_free, leaks_nothing):
    llm, engine = make_free()
    for case, given in STURDY:
        response = await llm.agenerate(case["prompt"], **given)

        assert found(response) == wanted(case), case
        assert response.usage.input_tokens == len(case["prompt"])
        assert response.usage.output_tokens == sum(len(tokens) for tokens, *_ in case["answers"])
        assert not [each for each in response.adjustments if each.parameter != "provider_options"]
    assert leaks_nothing(engine)


async def test_searches_and_plain_calls_in_the_same_steps_are_answered_as_if_each_were_alone(
    make_free, tiny_parameters, is_likeliest, leaks_nothing
):
    llm, engine = make_free()
    searches = STURDY[::9]
    tasks = ["one", "two and two", "three " * 9]
    calls = [(case["prompt"], given) for case, given in searches] + [
        (task, tiny_parameters) for task in tasks
    ]
    responses = await several(llm, calls)

    assert [found(response) for response in responses[: len(searches)]] == [
        wanted(each) for each, _ in searches
    ]
    assert all(map(is_likeliest, tasks, responses[len(searches) :]))
    assert leaks_nothing(engine)


async def test_a_search_that_gives_way_goes_on_and_finds_the_same(
    make_free, monkeypatch, leaks_nothing, open_grammars
):
    llm, engine = make_free(total_context=128)
    await llm.arun("Hi.")
    gave_way = Counter()
    give_way = engine._schedule._give_way
    monkeypatch.setattr(
        engine._schedule, "_give_way", lambda call: gave_way.update([call.width]) or give_way(call)
    )
    searches = [
        (case, given)
        for case, given in STURDY
        if len(case["prompt"]) < 30 and len(case["answers"][0][0]) > 15 and case["setting"]["num_beams"] > 2
    ][::2]
    nested = [each for each in STURDY if each[0]["setting"].get("is_nested")]
    nested = [each for each in nested if len(each[0]["answers"][0][0]) > 8]
    responses = await several(llm, [(case["prompt"], given) for case, given in [*searches, *nested]])

    # What is read again differs in its last bits, and so may the order of answers that are about as good.
    plain, held = responses[: len(searches)], responses[len(searches) :]
    assert [sorted(found(each)) for each in plain] == [sorted(wanted(case)) for case, _ in searches]
    # Of those that a grammar holds to a few letters, the last of several may be another as good one.
    assert [found(each)[0] for each in held] == [wanted(case)[0] for case, _ in nested]
    assert gave_way
    assert leaks_nothing(engine)
    assert not open_grammars


async def test_where_llama_cpp_finds_no_room_searches_go_on(make_free, monkeypatch, leaks_nothing):
    llm, engine = make_free()
    decode, steps = _context.llama.llama_decode, iter(range(1000))
    monkeypatch.setattr(
        _context.llama, "llama_decode", lambda *args: 1 if next(steps) in {4, 9, 10} else decode(*args)
    )
    searches = [search("hello", num_beams=3), search("The tiny model says: ", num_beams=4)]
    responses = await several(llm, [(case["prompt"], given) for case, given in searches])
    monkeypatch.undo()

    assert [found(response) for response in responses] == [wanted(case) for case, _ in searches]
    assert leaks_nothing(engine)


async def test_where_the_memory_cannot_be_cut_beams_fork_as_a_whole(make_free, monkeypatch, leaks_nothing):
    monkeypatch.setattr(_model, "copies_whole", lambda model: True)
    llm, engine = make_free(total_context=200)
    searches = [search("hello", num_beams=3), search("The tiny model says: ", num_beams=4)] * 2
    responses = await several(llm, [(case["prompt"], given) for case, given in searches])

    assert not engine._model.context.memory.can_cut
    assert [sorted(found(each)) for each in responses] == [sorted(wanted(case)) for case, _ in searches]
    assert leaks_nothing(engine)


@pytest.mark.parametrize("kept", [{}, kept_to(NESTED)], ids=["free", "kept to a grammar"])
async def test_who_leaves_amid_a_search_leaves_nothing_behind(
    make_free, monkeypatch, leaks_nothing, open_grammars, kept
):
    llm, engine = make_free()
    await llm.arun("Hi.")
    decode, forked = _context.llama.llama_decode, threading.Event()

    def cancelled_within(*args):
        for call in engine._schedule._running:
            if len(call.strands) == 4:
                forked.set()
                while not call.job.interrupt.is_set:
                    time.sleep(0.001)
        return decode(*args)

    monkeypatch.setattr(_context.llama, "llama_decode", cancelled_within)
    async with anyio.create_task_group() as group:
        group.start_soon(partial(llm.agenerate, "hello", num_beams=4, **kept))
        assert await anyio.to_thread.run_sync(forked.wait, 10)
        group.cancel_scope.cancel()
    monkeypatch.setattr(_context.llama, "llama_decode", decode)
    await llm.arun("Hi.")

    assert leaks_nothing(engine)
    assert not open_grammars


async def test_answers_are_cut_before_a_stop_token_and_the_search_counts_them_as_ended(make_free):
    llm, _ = make_free()
    case, given = search("The tiny model says: ", num_beams=4, num_return_sequences=4)
    (text, _), *_ = wanted(case)
    stop = text[2:5]
    given = {**given, "early_stopping": True, "stop_token": [stop, "never"]}
    response = await llm.agenerate(case["prompt"], **given)
    ended = [choice for choice in response.choices if choice.matched_stop == stop]

    assert (text[:2], "stop_sequence") in [(choice.text, choice.finish_reason) for choice in ended]
    assert not any(stop in choice.text for choice in response.choices)
    assert response.usage.output_tokens < sum(len(tokens) for tokens, *_ in case["answers"])


async def test_a_stream_brings_all_answers_at_its_end(make_free):
    llm, _ = make_free()
    case, given = search("The tiny model says: ", num_beams=4, num_return_sequences=4)
    async with llm.astream(case["prompt"], **given) as stream:
        pieces = [piece async for piece in stream]

    assert pieces == [wanted(case)[0][0]]
    assert found(stream.response) == wanted(case)
    assert stream.response.timing.queued is not None


async def test_letters_of_several_tokens_are_put_together(make_free):
    llm, _ = make_free()
    letters = "é".encode()
    response = await llm.agenerate("é", num_beams=2, logit_bias=dict.fromkeys(letters, 100), max_tokens=8)

    assert set(response.text) <= {"é", "\ufffd"}
    assert response.usage.output_tokens == 8


async def test_one_beam_is_no_search(make_tiny):
    llm, _ = make_tiny()

    assert await llm.arun("hello", num_beams=1) == await llm.arun("hello")


async def test_drawn_beams_are_the_same_with_a_seed_and_others_with_another(make_free):
    llm, _ = make_free(do_sample=True, temperature=1.5, top_k=0, min_p=0)
    texts = [
        (await llm.agenerate("hello", num_beams=3, num_return_sequences=3, seed=seed)).texts
        for seed in (5, 6, 5)
    ]

    assert texts[0] == texts[2] != texts[1]


async def test_beams_are_drawn_only_where_that_is_asked_for(make_free):
    llm, _ = make_free()
    case, given = search("hello", num_beams=3, num_return_sequences=3)
    response = await llm.agenerate(
        case["prompt"],
        **{**given, "temperature": 2.0, "top_k": 5, "provider_options": {"llamacpp": {"typical_p": 0.1}}},
    )
    (aside,) = [each.reason for each in response.adjustments if each.parameter == "provider_options"]

    assert found(response) == wanted(case)
    assert {each.parameter: each.verdict for each in response.adjustments}["temperature"] == "inapplicable"
    assert "typical_p has nothing to do" in aside


async def test_a_search_that_could_outgrow_the_memory_ends_before(make_free, leaks_nothing):
    llm, engine = make_free(total_context=96)
    response = await llm.agenerate("x" * 40, num_beams=4, max_tokens=50, eos_token_id=None)

    assert {choice.finish_reason for choice in response.choices} <= {"stop", "context_length"}
    assert response.usage.output_tokens < 20
    assert leaks_nothing(engine)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"num_beams": 5}, InvalidParameter, "max_sequences=5"),
        ({"num_beams": 2, "num_return_sequences": 3}, InvalidParameter, "beam search returns at most"),
        ({"num_beams": 2, "logit_bias": {9999: 1}}, InvalidParameter, "logit_bias: the model's tokens"),
        ({"num_beams": 2, "eos_token_id": 9999}, InvalidParameter, "eos_token_id: the model's tokens"),
        ({"num_beams": 2, **kept_to("root ::= missing")}, InvalidParameter, "does not accept the grammar"),
        ({"num_beams": 2, **kept_to(NOWHERE)}, RequestRejected, "no token of the model's fits"),
        (
            {"num_beams": 2, **kept_to(f'root ::= "a" [b-z] nowhere\nnowhere{NOWHERE[4:]}')},
            RequestRejected,
            "no token",
        ),
    ],
    ids=["too many", "fewer than answers", "no such token", "no such end", "grammar", "nowhere", "no way on"],
)
async def test_what_cannot_be_searched_for_is_refused(
    make_free, leaks_nothing, open_grammars, given, kind, words
):
    llm, engine = make_free(max_sequences=4)
    await llm.arun("hello")
    with pytest.raises(kind, match=words):
        await llm.arun("hello", **given)

    assert leaks_nothing(engine)
    assert not open_grammars


@pytest.mark.parametrize(("prompt", "setting"), [(90, "total_context"), (200, "context_size")])
async def test_a_prompt_that_leaves_beams_no_room_is_refused(make_free, prompt, setting):
    llm, _ = make_free(total_context=96)
    with pytest.raises(ContextLengthExceeded, match=setting):
        await llm.arun("x" * prompt, num_beams=4)


async def test_log_probabilities_are_hugging_faces_transition_scores(make_free):
    llm, _ = make_free()
    told = [(case, given) for case, given in STURDY if given.get("logprobs")]

    assert any(given.get("do_sample") for _, given in told)
    for case, given in told:
        for choice, (tokens, _, scores, likeliest) in zip(
            (await llm.agenerate(case["prompt"], **given)).choices, case["answers"], strict=True
        ):
            count = len(tokens) - (tokens[-1] == END)  # As ever, the end is no part of the text.

            assert "".join(each.token for each in choice.logprobs) == choice.text, case
            assert [each.logprob for each in choice.logprobs] == pytest.approx(scores[:count], abs=0.1), case
            assert [len(each.likeliest) for each in choice.logprobs] == list(map(len, likeliest[:count]))
            assert all(
                [value for _, value in each.likeliest]
                == pytest.approx([value for _, value in place], abs=0.1)
                for each, place in zip(choice.logprobs, likeliest, strict=False)
            ), case


async def test_a_search_for_one_likely_answer_tells_what_a_plain_call_does(make_free):
    llm, _ = make_free(temperature=0, logprobs=2, max_tokens=1, eos_token_id=None)
    plain, best = await llm.agenerate("hello"), await llm.agenerate("hello", num_beams=2)

    assert [choice.logprobs[0].likeliest[0][0] for choice in (plain.choices[0], best.choices[0])] == [
        plain.text
    ] * 2
    assert best.choices[0].logprobs[0].logprob == pytest.approx(
        plain.choices[0].logprobs[0].logprob, abs=LAST_BITS
    )


SIZES = {"enum": ["small", "large", 3, None]}


async def test_all_answers_fit_their_schema(make_free, leaks_nothing, open_grammars):
    llm, engine = make_free()
    response = await llm.agenerate("hello", num_beams=4, num_return_sequences=4, response_format=SIZES)

    assert sorted(map(str, map(json.loads, response.texts))) == sorted(map(str, SIZES["enum"]))
    assert {choice.finish_reason for choice in response.choices} == {"stop"}
    assert response.adjustments == ()
    assert leaks_nothing(engine)
    assert not open_grammars


async def test_drawn_answers_fit_their_grammar(make_free):
    llm, _ = make_free(do_sample=True, temperature=2.0, top_k=0, seed=1)
    given = {"num_beams": 4, "num_return_sequences": 4, "max_tokens": 40}
    response = await llm.agenerate("hello", **given, **kept_to('root ::= ("ab" | "ac" | "bc"){3,5}'))

    assert len(set(response.texts)) > 1
    assert all(re.fullmatch("(ab|ac|bc){3,5}", text) for text in response.texts)


async def test_where_a_grammar_has_fewer_answers_than_were_asked_for_that_is_told(make_free):
    llm, _ = make_free()
    given = {"num_beams": 4, "num_return_sequences": 4}
    response = await llm.agenerate("hello", **given, **kept_to('root ::= "yes" | "no"'))
    (told,) = [each for each in response.adjustments if each.parameter == "num_return_sequences"]

    assert sorted(response.texts) == ["no", "yes"]
    assert (told.verdict, told.asked, told.sent) == ("clamped", 4, 2)
    assert told.reason == "the provider returned fewer"


@pytest.mark.parametrize("changed", [{"frequency_penalty": 2.0}, {"presence_penalty": 2.0}])
async def test_penalties_see_the_answer_and_not_the_prompt(make_free, changed):
    llm, _ = make_free(max_tokens=2, num_beams=2, logprobs=1, **kept_to('root ::= "ll"'))
    plain, penalized = await llm.agenerate("hello"), await llm.agenerate("hello", **changed)
    before, after = ([each.logprob for each in one.choices[0].logprobs] for one in (plain, penalized))

    assert penalized.text == "ll"
    assert after == pytest.approx([before[0], before[1] - 2], abs=LAST_BITS)
    assert not [each for each in penalized.adjustments if each.parameter != "provider_options"]


@given_any(
    st.text("ab\u00e9", min_size=1, max_size=9),
    st.lists(st.text("ab\u00e9", min_size=1, max_size=4), min_size=1),
)
def test_a_stop_token_is_found_with_the_token_that_completes_it(tiny, text, stops):
    has_ended = looked_for({"num_beams": 2, "stop_token": stops}, tiny.vocabulary, 9).stops

    assume(not any(stop in text[:-1] for stop in stops))  # It would have ended before.
    assert has_ended(list(text.encode())) == any(stop in text for stop in stops)
