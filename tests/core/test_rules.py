"""How each kind of row sends a parameter, and what it says about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncllm import LLM, Adjustment, Message, UnsupportedParameter
from asyncllm._prepare import prepare
from asyncllm._vocabulary import EFFORTS, PARAMETERS, checked
from asyncllm.rules import (
    Applied,
    Assumed,
    Emulated,
    Exclusive,
    Leading,
    Native,
    Nearest,
    Renamed,
    Required,
    Rule,
    StopTokens,
    Unsupported,
    With,
)
from asyncllm.testing import FakeProvider

HELLO = (Message("user", "hello"),)


def prepared(rules, **asked):
    return prepare("m", HELLO, checked(asked), rules)


def adjustment(parameter, verdict, asked, sent=None, reason=""):
    return Adjustment(parameter=parameter, verdict=verdict, asked=asked, sent=sent, reason=reason)


def test_a_native_parameter_is_sent_as_it_is_and_nothing_is_said():
    call = prepared({"temperature": Native()}, temperature=1.9)

    assert call.request.options == {"temperature": 1.9}
    assert call.adjustments == ()


@pytest.mark.parametrize(("asked", "sent"), [(1.5, 1.0), (2, 1)])
def test_what_is_outside_the_range_is_clamped_and_said(asked, sent):
    call = prepared({"temperature": Native(within=(0, 1))}, temperature=asked)

    assert call.request.options == {"temperature": sent}
    assert type(call.request.options["temperature"]) is type(asked)
    assert call.adjustments == (adjustment("temperature", "clamped", asked, sent, "accepts 0 to 1"),)


@given(st.floats(0, 2), st.floats(0, 2), st.floats(0, 2))
def test_what_is_sent_is_within_the_range_and_whatever_moved_is_said(asked, one, other):
    low, high = sorted((one, other))
    call = prepared({"temperature": Native(within=(low, high))}, temperature=asked)

    assert low <= call.request.options["temperature"] <= high
    assert (call.request.options["temperature"] != asked) == bool(call.adjustments)


@pytest.mark.parametrize(
    ("within", "said"), [((1, float("inf")), "accepts 1 and more"), ((float("-inf"), 1), "accepts up to 1")]
)
def test_an_open_range_is_put_in_words(within, said):
    asked = 0 if within[0] == 1 else 2

    assert prepared({"top_k": Native(within=within)}, top_k=asked).adjustments[0].reason == said


def test_a_renamed_parameter_is_no_adjustment_whatever_its_form():
    rules = {
        "max_tokens": Renamed("max_completion_tokens"),
        "reasoning_effort": Renamed("reasoning", form=lambda effort: {"effort": effort}),
    }
    call = prepared(rules, max_tokens=5, reasoning_effort="low")

    assert call.request.options == {"max_completion_tokens": 5, "reasoning": {"effort": "low"}}
    assert call.adjustments == ()


def test_a_renamed_parameter_is_clamped_before_it_takes_its_form():
    rules = {"temperature": Renamed("heat", within=(0, 1), form=lambda value: {"value": value})}

    assert prepared(rules, temperature=2.0).request.options == {"heat": {"value": 1.0}}


@pytest.mark.parametrize(
    ("asked", "sent"), [("none", "low"), ("low", "low"), ("medium", "low"), ("high", "high"), ("max", "high")]
)
def test_the_nearest_level_is_sent(asked, sent):
    call = prepared({"reasoning_effort": Nearest("effort", ("low", "high"))}, reasoning_effort=asked)

    assert call.request.options == {"effort": sent}
    said = (
        () if asked == sent else (adjustment("reasoning_effort", "clamped", asked, sent, "knows low, high"),)
    )
    assert call.adjustments == said


def test_a_level_can_take_another_form():
    rules = {"reasoning_effort": Nearest("thinking", EFFORTS, form=str.upper)}

    assert prepared(rules, reasoning_effort="max").request.options == {"thinking": "MAX"}


@given(st.lists(st.text(min_size=1), min_size=1, max_size=6), st.none() | st.integers(0, 4))
def test_each_stop_token_is_looked_for_on_one_side_and_only_one(stops, at_most):
    rules = {
        "stop_token": StopTokens("stop", at_most=at_most, takes=lambda stop: bool(stop.strip()), reason="why")
    }
    call = prepared(rules, stop_token=stops)
    sent = call.request.options.get("stop", [])

    assert sorted([*sent, *call.stops]) == sorted(set(stops))
    assert at_most is None or len(sent) <= at_most
    assert all(stop.strip() for stop in sent)
    assert "stop" not in call.request.options or sent
    assert bool(call.stops) == bool(call.adjustments)
    assert all((change.verdict, change.reason) == ("emulated", "why") for change in call.adjustments)


def test_stop_tokens_that_all_travel_are_no_adjustment():
    call = prepared({"stop_token": StopTokens("stop", at_most=2)}, stop_token=["a", "b"])

    assert (call.request.options, call.stops, call.adjustments) == ({"stop": ["a", "b"]}, (), ())


def test_emulated_stop_tokens_do_not_travel():
    call = prepared({"stop_token": Emulated("has none")}, stop_token=["a", "b"])

    assert (call.request.options, call.stops) == ({}, ("a", "b"))
    assert call.adjustments == (adjustment("stop_token", "emulated", ("a", "b"), reason="has none"),)


def test_a_leading_parameter_is_a_message_before_the_conversation():
    call = prepared({"system_prompt": Leading("developer")}, system_prompt="Be brief.")

    assert call.request.messages == (Message("developer", "Be brief."), *HELLO)
    assert (call.request.options, call.adjustments) == ({}, ())


def test_an_unsupported_parameter_is_dropped_and_the_reason_said():
    call = prepared({"seed": Unsupported("cannot be seeded")}, seed=7)

    assert call.request.options == {}
    assert call.adjustments == (adjustment("seed", "dropped", 7, reason="cannot be seeded"),)
    assert str(call.adjustments[0]) == "dropped seed (7): cannot be seeded"


@pytest.mark.parametrize("name", list(PARAMETERS))
def test_a_parameter_without_a_row_is_dropped(name):
    value = {"stop_token": "x", "system_prompt": "x", "reasoning_effort": "low"}.get(name, 1)
    call = prepared({}, **{name: value})

    assert call.request.options == {}
    assert call.request.messages == HELLO
    assert [change.verdict for change in call.adjustments] == ["dropped"]


def test_of_two_that_exclude_each_other_the_other_wins():
    rules = {"temperature": Native(), "top_p": Exclusive("temperature", Native())}

    alone = prepared(rules, top_p=0.5)
    both = prepared(rules, top_p=0.5, temperature=0.7)

    assert (alone.request.options, alone.adjustments) == ({"top_p": 0.5}, ())
    assert both.request.options == {"temperature": 0.7}
    assert both.adjustments == (
        adjustment("top_p", "dropped", 0.5, reason="cannot be combined with temperature"),
    )


def test_what_has_to_travel_along_does_and_is_said():
    rule = With(rule=Native(within=(0, 1)), options={"mode": "x"}, headers={"beta": "on"}, reason="needed")
    call = prepared({"temperature": rule}, temperature=2)

    assert call.request.options == {"mode": "x", "temperature": 1}
    assert call.request.headers == {"beta": "on"}
    assert [(change.parameter, change.verdict) for change in call.adjustments] == [
        ("temperature", "clamped"),
        ("mode", "translated"),
        ("beta", "translated"),
    ]


def test_nothing_travels_along_with_what_does_not_travel():
    rules = {"top_p": With(rule=Exclusive("seed", Native()), headers={"beta": "on"}), "seed": Native()}
    call = prepared(rules, top_p=0.5, seed=1)

    assert call.request.headers == {}
    assert [change.parameter for change in call.adjustments] == ["top_p"]


def test_two_rows_that_need_the_same_thing_say_so_once():
    along = With(rule=Native(), options={"mode": "x"}, reason="needed")
    call = prepared({"top_p": along, "top_k": along}, top_p=0.5, top_k=3)

    assert call.request.options == {"mode": "x", "top_p": 0.5, "top_k": 3}
    assert call.adjustments == (adjustment("mode", "translated", None, "x", "needed"),)


def test_a_required_parameter_that_is_given_is_sent_and_nothing_said():
    call = prepared({"max_tokens": Required(rule=Native(), default=4096)}, max_tokens=5)

    assert (call.request.options, call.adjustments) == ({"max_tokens": 5}, ())


def test_a_required_parameter_that_is_not_given_is_sent_and_said():
    call = prepared({"max_tokens": Required(rule=Renamed("max"), default=4096, reason="must be set")})

    assert call.request.options == {"max": 4096}
    assert call.adjustments == (adjustment("max_tokens", "translated", None, 4096, "must be set"),)


def test_a_model_in_no_table_is_treated_like_another_and_said():
    call = prepared({"model_name": Assumed("m-1"), "seed": Native()}, seed=3)

    assert call.request.options == {"seed": 3}
    assert call.request.model == "m"
    assert (
        str(call.adjustments[0])
        == "translated model_name ('m' -> 'm'): 'm' is in no table yet; treated like m-1"
    )


def test_any_object_that_applies_is_a_row():
    class Negated:
        def apply(self, name, value, asked):
            return Applied(options={name: -value, "seen": sorted(asked)})

    assert isinstance(Negated(), Rule)
    call = prepared({"seed": Negated(), "top_k": Native()}, seed=3, top_k=1)
    assert call.request.options == {"seed": -3, "seen": ["model_name", "seed", "top_k"], "top_k": 1}


def test_rows_are_compared_as_values():
    assert Native(within=(0, 1)) == Native(within=(0, 1)) != Native()
    assert With(rule=Native(), options={"a": 1}) == With(rule=Native(), options={"a": 1})


def test_what_is_not_set_is_absent_and_never_none():
    fake = FakeProvider()
    LLM("m", provider=lambda: fake, temperature=None, seed=3).run("x", seed=None, top_p=None)

    assert fake.requests[0].options == {"seed": 3}


def test_the_call_wins_over_the_instance_whatever_the_spelling():
    fake = FakeProvider()
    llm = LLM("m", provider=lambda: fake, temperature=0.1, repetition_penalty=1.2)
    llm.run("x", temperature=0.9, repition_penalty=1.5)
    llm.run("x", temperature=None)

    assert [request.options for request in fake.requests] == [
        {"temperature": 0.9, "repetition_penalty": 1.5},
        {"temperature": 0.1, "repetition_penalty": 1.2},
    ]


def test_a_row_sees_the_parameters_of_the_call_and_those_of_the_instance():
    fake = FakeProvider(rules={"temperature": Native(), "top_p": Exclusive("temperature", Native())})
    llm = LLM("m", provider=lambda: fake, temperature=0.1)

    assert [change.parameter for change in llm.generate("x", top_p=0.5).adjustments] == ["top_p"]


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [(Native(within=(0, 1)), "clamped"), (Unsupported("no"), "dropped")],
)
def test_strict_raises_before_anything_is_sent(rule, verdict):
    fake = FakeProvider(rules={"temperature": rule})
    llm = LLM("m", provider=lambda: fake, strict=True)

    with pytest.raises(UnsupportedParameter, match=rf"{verdict} temperature \(2"):
        llm.run("x", temperature=2)
    assert (fake.requests, fake.opened) == ([], 0)


def test_strict_raises_for_emulated_stop_tokens_too():
    fake = FakeProvider(rules={"stop_token": Emulated()})

    with pytest.raises(UnsupportedParameter, match="emulated stop_token"):
        LLM("m", provider=lambda: fake, strict=True, stop_token="x").run("x")
    assert fake.requests == []


def test_strict_names_everything_that_would_be_lost():
    llm = LLM("m", provider=lambda: FakeProvider(rules={}), strict=True)

    with pytest.raises(UnsupportedParameter, match=r"seed.*; .*top_p"):
        llm.run("x", seed=1, top_p=0.1)


def test_strict_lets_pass_what_is_only_said_otherwise():
    rules = {
        "model_name": Assumed("m-1"),
        "max_tokens": Required(rule=Native(), default=4096),
        "seed": With(rule=Renamed("random_seed"), headers={"beta": "on"}),
    }
    fake = FakeProvider(rules=rules)
    reply = LLM("m", provider=lambda: fake, strict=True).generate("x", seed=1)

    assert {change.verdict for change in reply.adjustments} == {"translated"}
    assert fake.requests[0].options == {"random_seed": 1, "max_tokens": 4096}


def test_two_rows_may_each_bring_a_part_of_the_same_object():
    rules = {
        "seed": Renamed("output", form=lambda seed: {"seed": seed, "deep": {"a": 1}}),
        "top_k": Renamed("output", form=lambda k: {"k": k, "deep": {"b": 2}}),
    }

    call = prepare("m", (), {"seed": 1, "top_k": 2}, rules)

    assert call.request.options == {"output": {"seed": 1, "k": 2, "deep": {"a": 1, "b": 2}}}
