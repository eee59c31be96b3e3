"""How each kind of row sends a parameter, and what it says about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncllm import (
    LLM,
    Adjustment,
    Count,
    InvalidParameter,
    LLMError,
    Message,
    UnknownModel,
    UnsupportedParameter,
)
from asyncllm._policy import Policies
from asyncllm._prepare import prepare
from asyncllm._vocabulary import EFFORTS, PARAMETERS, checked
from asyncllm.rules import (
    Applied,
    Assumed,
    Choices,
    Families,
    Family,
    Inside,
    Leading,
    Native,
    Nearest,
    Renamed,
    Required,
    Roles,
    Rule,
    StopTokens,
    Unsupported,
    When,
    With,
    exclusive,
)
from asyncllm.testing import FakeProvider

HELLO = (Message("user", "hello"),)


class Call:
    """What a caller sees of a prepared call."""

    def __init__(self, call):
        self.request, self.requests, self.stops = call.request, call.requests, call.stops
        self.choices, self.length, self.verdicts = call.choices, call.length, call.verdicts
        self.adjustments = Policies({}, strict=False).reported(call.verdicts)


def prepared(rules, task=HELLO, count=None, **asked):
    return Call(prepare(task, checked(asked), lambda asked: rules, provider="fake", model="m", count=count))


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
    call = prepared({"stop_token": StopTokens()}, stop_token=["a", "b"])

    assert (call.request.options, call.stops) == ({}, ("a", "b"))
    assert call.adjustments == (
        adjustment("stop_token", "emulated", ("a", "b"), reason="the provider takes no stop tokens"),
    )


def test_a_leading_parameter_is_a_message_before_the_conversation():
    call = prepared({"system_prompt": Leading("developer")}, system_prompt="Be brief.")

    assert call.request.messages == (Message("developer", "Be brief."), *HELLO)
    assert (call.request.options, call.adjustments) == ({}, ())


def test_an_unsupported_parameter_is_dropped_and_the_reason_said():
    call = prepared({"seed": Unsupported("cannot be seeded")}, seed=7)

    assert call.request.options == {}
    assert call.adjustments == (adjustment("seed", "dropped", 7, reason="cannot be seeded"),)
    assert str(call.adjustments[0]) == "dropped seed (7): cannot be seeded"


BY_ASYNCLLM = {
    "stop_token":           "emulated",
    "num_return_sequences": "emulated",
    "max_length":           "emulated",
    "role":                 "native",
    "timeout":              "native",
    "provider_options":     "inapplicable",
    "device":               "inapplicable",
    "pad_token_id":         "inapplicable",
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in PARAMETERS if name not in BY_ASYNCLLM])
def test_a_parameter_without_a_row_that_asyncllm_cannot_stand_in_for_is_dropped(name):
    call = prepared({}, **{"num_beams": 4, name: PARAMETERS[name].sample})

    assert call.request.options == {}
    assert call.request.messages == HELLO
    assert {change.verdict for change in call.adjustments} == {"dropped"}


@pytest.mark.parametrize(("name", "verdict"), BY_ASYNCLLM.items())
def test_what_asyncllm_does_itself_needs_no_row(name, verdict):
    call = prepared({}, "hello", **{name: PARAMETERS[name].sample})

    assert call.request.options == {}
    assert [each.verdict for each in call.verdicts] == [verdict]


def test_of_two_that_exclude_each_other_the_other_wins():
    rules = {"temperature": Native(), "top_p": exclusive("temperature", Native())}

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
    rules = {"top_p": With(rule=exclusive("seed", Native()), headers={"beta": "on"}), "seed": Native()}
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
            return Applied(verdict="renamed", options={name: -value, "seen": sorted(asked)})

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
    fake = FakeProvider(rules={"temperature": Native(), "top_p": exclusive("temperature", Native())})
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
    fake = FakeProvider(rules={"stop_token": StopTokens()})

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

    call = prepared(rules, seed=1, top_k=2)

    assert call.request.options == {"output": {"seed": 1, "k": 2, "deep": {"a": 1, "b": 2}}}


def test_every_parameter_has_just_one_verdict_of_its_own():
    rules = {"temperature": Native(), "max_tokens": Renamed("limit"), "seed": Unsupported("no")}
    call = prepared(rules, temperature=1, max_tokens=5, seed=3, top_k=2)

    assert [(each.parameter, each.verdict) for each in call.verdicts] == [
        ("temperature", "native"), ("max_tokens", "renamed"), ("seed", "dropped"), ("top_k", "dropped"),
    ]  # fmt: skip


def test_what_holds_may_depend_on_another_parameter():
    rule = When("reasoning_effort", ("none", None), Native(), otherwise=Unsupported("it thinks"))
    rules = {"temperature": rule, "reasoning_effort": Native()}

    assert prepared(rules, temperature=0.5).request.options == {"temperature": 0.5}
    assert prepared(rules, temperature=0.5, reasoning_effort="none").adjustments == ()
    thinking = prepared(rules, temperature=0.5, reasoning_effort="high")
    assert thinking.request.options == {"reasoning_effort": "high"}
    assert thinking.adjustments == (adjustment("temperature", "dropped", 0.5, reason="it thinks"),)


def test_do_sample_false_is_the_coldest_temperature_and_leaves_sampling_nothing_to_do():
    rules = {"temperature": Renamed("heat", within=(0.1, 1)), "top_p": Native(), "top_k": Native()}
    call = prepared(rules, do_sample=False, temperature=0.7, top_p=0.5, top_k=3)

    assert call.request.options == {"heat": 0.1}
    assert [(each.parameter, each.verdict) for each in call.adjustments] == [
        ("do_sample", "clamped"),
        ("temperature", "inapplicable"),
        ("top_p", "inapplicable"),
        ("top_k", "inapplicable"),
    ]


def test_do_sample_false_is_a_temperature_of_zero_and_said():
    call = prepared({"temperature": Native()}, do_sample=False)

    assert call.request.options == {"temperature": 0}
    assert [each.verdict for each in call.adjustments] == ["translated"]


def test_do_sample_false_is_dropped_where_the_temperature_is():
    call = prepared({"temperature": Unsupported("its own temperature")}, do_sample=False)

    assert call.adjustments == (adjustment("do_sample", "dropped", False, reason="its own temperature"),)


def test_a_native_do_sample_needs_no_temperature():
    assert prepared({"do_sample": Native()}, do_sample=False).request.options == {"do_sample": False}


def test_the_penalty_of_beam_search_has_nothing_to_do_without_beams():
    rules = {"length_penalty": Native(), "early_stopping": Native(), "num_beams": Native()}

    idle = prepared(rules, length_penalty=2, early_stopping="never", num_beams=1)
    busy = prepared(rules, length_penalty=2, early_stopping="never", num_beams=4)

    assert idle.request.options == {"num_beams": 1}
    assert [each.verdict for each in idle.adjustments] == ["inapplicable", "inapplicable"]
    assert busy.request.options == {"length_penalty": 2, "early_stopping": "never", "num_beams": 4}


def test_several_answers_are_asked_for_one_by_one_with_the_seeds_after_the_first():
    call = prepared({"seed": Renamed("random_seed")}, num_return_sequences=3, seed=2**63 - 1)

    assert [request.options for request in call.requests] == [
        {"random_seed": 2**63 - 1},
        {"random_seed": 0},
        {"random_seed": 1},
    ]
    assert [each.parameter for each in call.adjustments] == ["num_return_sequences"]


def test_several_answers_of_one_call_are_one_request():
    rules = {"num_return_sequences": Choices("n", at_most=4)}

    assert (few := prepared(rules, num_return_sequences=4)).request.options == {"n": 4}
    assert (len(few.requests), few.choices, few.adjustments) == (1, 4, ())
    many = prepared(rules, num_return_sequences=5)
    assert (many.request.options, len(many.requests), many.choices) == ({}, 5, 1)
    assert [each.verdict for each in many.adjustments] == ["emulated"]


@pytest.mark.parametrize(
    ("count", "max_tokens", "sent"),
    [
        (Count(tokens=40, exact=True), None, 60),
        (Count(tokens=40, exact=True), 10, 10),
        (Count(tokens=40, exact=True), 90, 60),
        (Count(tokens=40, exact=False), None, 52),
    ],
)
def test_max_length_leaves_the_answer_what_the_prompt_does_not_take(count, max_tokens, sent):
    rules = {"max_tokens": Renamed("limit")}
    asked = {} if max_tokens is None else {"max_tokens": max_tokens}

    assert prepared(rules, max_length=100, **asked).length == 100
    call = prepared(rules, max_length=100, count=count, **asked)
    assert (call.length, call.request.options) == (None, {"limit": sent})
    said = call.adjustments[0]
    assert (said.verdict, said.asked, said.sent) == ("emulated", 100, {"max_tokens": sent})
    assert ("estimate" in said.reason) is not count.exact


def test_max_length_that_the_prompt_fills_is_an_error():
    with pytest.raises(
        InvalidParameter, match="max_length=40 leaves no room for an answer: the prompt takes 40"
    ):
        prepared({"max_tokens": Native()}, max_length=40, count=Count(tokens=40, exact=True))


def test_the_role_says_a_task_that_is_a_text():
    assert prepared({}, "hi", role="system").request.messages == (Message("system", "hi"),)


def test_the_role_leaves_a_conversation_alone():
    call = prepared({}, HELLO, role="assistant")

    assert call.request.messages == HELLO
    assert [each.verdict for each in call.adjustments] == ["inapplicable"]


def test_a_role_that_the_provider_does_not_let_speak_is_the_users():
    call = prepared({"role": Roles(("user",), "the model starts its own turn")}, "hi", role="assistant")

    assert call.request.messages == (Message("user", "hi"),)
    assert call.adjustments == (
        adjustment("role", "clamped", "assistant", "user", "the model starts its own turn"),
    )


def test_the_providers_own_options_go_on_as_they_are_and_are_said():
    own = {"extra": {"deep": None}, "more": [1]}
    call = prepared({"seed": Native()}, seed=1, provider_options={"fake": own, "other": {"x": 1}})

    assert call.request.options == {"seed": 1, **own}
    assert [(each.parameter, each.verdict, each.sent, each.reason) for each in call.adjustments] == [
        ("provider_options", "translated", own, "passed on unchecked: extra, more"),
    ]


def test_options_for_another_provider_have_nothing_to_do_here():
    call = prepared({}, provider_options={"other": {"x": 1}})

    assert call.request.options == {}
    assert [(each.verdict, each.reason) for each in call.adjustments] == [("inapplicable", "for other")]


def test_a_parameter_that_the_providers_own_options_overrule_is_dropped_and_said():
    rules = {
        "temperature": Renamed("heat"),
        "seed": Inside("options", Native()),
        "top_k": Inside("options", Native()),
    }
    own = {"heat": 9, "options": {"seed": 5, "size": 1}}
    call = prepared(rules, temperature=2, seed=1, top_k=3, provider_options={"fake": own})

    assert call.request.options == {"heat": 9, "options": {"seed": 5, "size": 1, "top_k": 3}}
    assert [(each.parameter, each.verdict) for each in call.adjustments] == [
        ("temperature", "dropped"), ("seed", "dropped"), ("provider_options", "translated"),
    ]  # fmt: skip


def test_a_default_that_the_providers_own_options_overrule_is_not_sent_nor_said():
    rules = {"max_tokens": Required(rule=Native(), default=4096)}
    call = prepared(rules, provider_options={"fake": {"max_tokens": 7}})

    assert call.request.options == {"max_tokens": 7}
    assert [each.parameter for each in call.adjustments] == ["provider_options"]


@pytest.mark.parametrize("key", ["model", "messages", "input", "stream", "stream_options"])
def test_what_frames_a_request_is_no_option(key):
    with pytest.raises(InvalidParameter, match=f"cannot say '{key}'"):
        prepared({}, provider_options={"fake": {key: "x"}})


def test_what_is_lost_leaves_nothing_idle():
    rules = {"temperature": Unsupported("its own temperature"), "top_k": Native()}
    call = prepared(rules, do_sample=False, top_k=3)

    assert [(each.parameter, each.verdict) for each in call.verdicts] == [
        ("do_sample", "dropped"), ("top_k", "native"),
    ]  # fmt: skip


def test_a_limit_that_max_length_is_tighter_than_has_nothing_to_do():
    rules = {"max_tokens": Native()}
    call = prepared(rules, max_length=100, max_tokens=90, count=Count(tokens=40, exact=True))

    assert call.request.options == {"max_tokens": 60}
    assert [(each.parameter, each.verdict) for each in call.verdicts] == [
        ("max_length", "emulated"), ("max_tokens", "inapplicable"),
    ]  # fmt: skip


def test_a_policy_requires_one_parameter_and_leaves_the_others_to_be_adapted():
    fake = FakeProvider(rules={})
    llm = LLM("m", provider=lambda: fake, policy={"seed": "require"})

    assert [each.parameter for each in llm.generate("x", top_k=3).adjustments] == ["top_k"]
    with pytest.raises(UnsupportedParameter, match="dropped seed") as caught:
        llm.run("x", seed=1, top_k=3)
    assert "top_k" not in str(caught.value)
    assert len(fake.requests) == 1


def test_a_policy_ignores_one_parameter_even_where_the_call_is_strict(caplog):
    llm = LLM("m", provider=lambda: FakeProvider(rules={}), strict=True, policy={"top_k": "ignore"})

    assert llm.generate("x", top_k=3).adjustments == ()
    assert caplog.records == []
    with pytest.raises(UnsupportedParameter, match="dropped seed"):
        llm.run("x", top_k=3, seed=1)


def test_a_policy_adapts_one_parameter_where_the_call_is_strict():
    llm = LLM("m", provider=lambda: FakeProvider(rules={}), strict=True, policy={"beam_width": "adapt"})

    assert [each.verdict for each in llm.generate("x", num_beams=3).adjustments] == ["dropped"]


def test_a_bound_between_whole_numbers_is_no_whole_number():
    assert prepared({"temperature": Native(within=(0.5, 1))}, temperature=0).request.options == {
        "temperature": 0.5
    }


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"sed": "require"}, "did you mean 'seed'"),
        ({1: "require"}, "unknown parameter '1'"),
        ({"seed": "demand"}, "one of adapt, require, ignore"),
        ("require", "policy takes a mapping"),
        ({"num_beams": "require", "beam_width": "ignore"}, "are one parameter"),
    ],
)
def test_a_policy_that_is_none_is_refused(policy, said):
    with pytest.raises(LLMError, match=said):
        LLM("m", provider=FakeProvider, policy=policy)


def test_a_users_row_holds_in_place_of_the_providers():
    fake = FakeProvider(rules={"temperature": Unsupported("no"), "seed": Native()})
    llm = LLM("m", provider=lambda: fake, rules={"temperature": Native(within=(0, 1))})

    assert [each.verdict for each in llm.generate("x", temperature=2, seed=1).adjustments] == ["clamped"]
    assert fake.requests[0].options == {"temperature": 1, "seed": 1}


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"temprature": Native()}, "did you mean"),
        ({"seed": 5}, "a method apply"),
        ({"seed": Native}, "a method apply"),
        ([1], "rules takes a mapping"),
    ],
)
def test_a_users_row_that_is_none_is_refused(rules, said):
    with pytest.raises(LLMError, match=said):
        LLM("m", provider=FakeProvider, rules=rules)


def test_a_model_can_be_treated_like_another():
    class ByName(FakeProvider):
        def rules(self, model, params):
            return {"seed": Native()} if model == "known" else {}

    fake = ByName()
    llm = LLM("acme-1", provider=lambda: fake, like="known", seed=1)

    assert llm.generate("x").adjustments == ()
    assert (fake.requests[0].model, fake.requests[0].options) == ("acme-1", {"seed": 1})


def test_a_policy_can_require_that_the_model_is_known():
    llm = LLM(
        "m",
        provider=lambda: FakeProvider(rules={"model_name": Assumed("m-1")}),
        policy={"model_name": "require"},
    )

    with pytest.raises(UnsupportedParameter, match="in no table yet; treated like m-1"):
        llm.run("x")


def test_a_model_cannot_be_treated_like_one_that_is_in_no_table_either():
    with pytest.raises(UnknownModel, match="like='gpt-99' is in no table"):
        LLM("openai:acme-1", like="gpt-99")


def test_the_model_that_another_is_treated_like_may_be_spelt_with_its_provider():
    plans = [
        LLM("openai:acme-1", temperature=1.5, like=like).plan("x") for like in ("gpt-4.1", "openai:gpt-4.1")
    ]

    assert plans[0].sent[0].body["temperature"] == 1.5
    assert plans[0] == plans[1]


def test_the_first_family_that_fits_is_a_models_whatever_vendor_stands_before_it():
    families = Families(
        of={
            "mini": Family(models=("m-*-mini",), rules={"seed": Native()}, example="m-1-mini"),
            "m":    Family(models=("m-*",), rules={}, example="m-1"),
        },
        newest="m",
        newest_is="m-1",
    )  # fmt: skip

    assert (families.named("m-1-mini"), families.named("acme/M-2"), families.named("x")) == (
        "mini",
        "m",
        None,
    )
    assert families.rules("m-1-mini") == {"seed": Native()}
    assert families.rules("x") == {"model_name": Assumed("m-1")}


def test_what_is_said_can_have_a_row_too():
    class OnlyUsers:
        def apply(self, name, value, asked):
            others = {message.role for message in value} - {"user"}
            verdict = "clamped" if others else "native"
            return Applied(verdict=verdict, reason="only users speak here" if others else "")

    rules = {"messages": OnlyUsers()}

    assert prepared(rules).verdicts == ()
    assert prepared(rules, [Message("system", "x"), Message("user", "y")]).adjustments == (
        adjustment("messages", "clamped", None, reason="only users speak here"),
    )


def test_max_length_that_is_less_than_the_providers_shortest_answer_is_an_error():
    rules = {"max_tokens": Native(within=(16, 1000))}

    with pytest.raises(
        InvalidParameter, match="leaves 5 tokens for an answer, and the provider's shortest takes 16"
    ):
        prepared(rules, max_length=45, count=Count(tokens=40, exact=True))


@pytest.mark.parametrize("within", [(1, None), (2, 1), (1,)])
@pytest.mark.parametrize("row", [Native, lambda within: Renamed("other", within=within)])
def test_a_range_that_is_none_is_told_where_it_is_written(row, within):
    with pytest.raises(TypeError, match="for an open side"):
        row(within=within)
