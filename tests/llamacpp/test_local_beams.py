"""Beam search through the engine: Hugging Face's answers, beside whatever else is computed."""

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
from searches import END, STURDY, found, search, wanted

from asyncllm import ContextLengthExceeded, InvalidParameter
from asyncllm_llamacpp import _context, _model
from asyncllm_llamacpp._beam_options import search as looked_for

pytestmark = pytest.mark.anyio

FREE = {"temperature": None, "logit_bias": None, "max_tokens": 20}
"""What leaves the tiny model as it was for Hugging Face."""


@pytest.fixture
def make_free(make_tiny):
    """Make the tiny model as Hugging Face had it, and give its engine."""
    return lambda **given: make_tiny(**{**FREE, **given})


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
    assert {len(setting.get("eos_token_id", [END])) for setting in settings} == {1, 2, 4}


async def test_answers_are_hugging_faces(make_free, leaks_nothing):
    llm, engine = make_free()
    for case, given in STURDY:
        response = await llm.agenerate(case["prompt"], **given)

        assert found(response) == wanted(case), case
        assert response.usage.input_tokens == len(case["prompt"])
        assert response.usage.output_tokens == sum(len(tokens) for tokens, _ in case["answers"])
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


async def test_a_search_that_gives_way_goes_on_and_finds_the_same(make_free, monkeypatch, leaks_nothing):
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
    responses = await several(llm, [(case["prompt"], given) for case, given in searches])

    # What is read again differs in its last bits, and so may the order of answers that are about as good.
    assert [sorted(found(each)) for each in responses] == [sorted(wanted(case)) for case, _ in searches]
    assert gave_way
    assert leaks_nothing(engine)


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


async def test_who_leaves_amid_a_search_leaves_nothing_behind(make_free, monkeypatch, leaks_nothing):
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
        group.start_soon(partial(llm.agenerate, "hello", num_beams=4))
        assert await anyio.to_thread.run_sync(forked.wait, 10)
        group.cancel_scope.cancel()
    monkeypatch.undo()
    await llm.arun("Hi.")

    assert leaks_nothing(engine)


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
    assert response.usage.output_tokens < sum(len(tokens) for tokens, _ in case["answers"])


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
        (
            {"num_beams": 2, "provider_options": {"llamacpp": {"grammar": 'root ::= "a"'}}},
            InvalidParameter,
            "leave out num_beams",
        ),
    ],
    ids=["too many", "fewer than answers", "no such token", "no such end", "grammar"],
)
async def test_what_cannot_be_searched_for_is_refused(make_free, leaks_nothing, given, kind, words):
    llm, engine = make_free(max_sequences=4)
    await llm.arun("hello")
    with pytest.raises(kind, match=words):
        await llm.arun("hello", **given)

    assert leaks_nothing(engine)


@pytest.mark.parametrize(("prompt", "setting"), [(90, "total_context"), (200, "context_size")])
async def test_a_prompt_that_leaves_beams_no_room_is_refused(make_free, prompt, setting):
    llm, _ = make_free(total_context=96)
    with pytest.raises(ContextLengthExceeded, match=setting):
        await llm.arun("x" * prompt, num_beams=4)


@pytest.mark.parametrize(
    "given",
    [{"logprobs": 2}, {"frequency_penalty": 1.0}, {"presence_penalty": 1.0}, {"response_format": "json"}],
)
async def test_what_the_search_does_not_look_at_is_told(make_free, given):
    llm, _ = make_free()
    (adjustment,) = (await llm.agenerate("hello", num_beams=2, max_tokens=2, **given)).adjustments

    assert (adjustment.parameter, adjustment.verdict) == (*given, "dropped")


@given_any(
    st.text("ab\u00e9", min_size=1, max_size=9),
    st.lists(st.text("ab\u00e9", min_size=1, max_size=4), min_size=1),
)
def test_a_stop_token_is_found_with_the_token_that_completes_it(tiny, text, stops):
    has_ended = looked_for({"num_beams": 2, "stop_token": stops}, tiny.vocabulary, 9).stops

    assume(not any(stop in text[:-1] for stop in stops))  # It would have ended before.
    assert has_ended(list(text.encode())) == any(stop in text for stop in stops)
