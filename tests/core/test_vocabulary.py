"""What a caller may ask for, and what is said where it cannot be."""

import copy
import enum
import fractions
import math
import pickle

import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncllm import LLM, InvalidParameter, LLMError, Params, UnknownParameter
from asyncllm._kinds import Number, Whole
from asyncllm._vocabulary import ALIASES, EFFORTS, PARAMETERS, checked
from asyncllm.testing import FakeProvider

INSIDE = {
    "max_tokens":         [1, 10**6],
    "temperature":        [0, 0.0, 0.7, 2, 2.0],
    "top_k":              [0, 1, 40],
    "top_p":              [0, 0.5, 1.0],
    "seed":               [0, 42, 2**63 - 1],
    "frequency_penalty":  [-2, 0.0, 2],
    "presence_penalty":   [-2.0, 0, 2],
    "repetition_penalty": [0.01, 1, 1.3, 100.0],
    "repition_penalty":   [1.3],
    "stop_token":         ["\n", ["a"], ("a", "b")],
    "system_prompt":      ["", "Be brief."],
    "reasoning_effort":   list(EFFORTS),
    "max_length":           [1, 8192],
    "min_p":                [0, 0.05, 1],
    "do_sample":            [True, False],
    "num_return_sequences": [1, 128],
    "num_beams":            [1, 4],
    "beam_width":           [1, 4],
    "freq_penalty":         [-2, 2],
    "stop_token_id":        [(2,), (0, 2)],
    "length_penalty":       [-1.5, 0, 2],
    "early_stopping":       [True, False, "never"],
    "logit_bias":           [{}, {5: -100, 7: 2.5}],
    "logprobs":             [0, 20],
    "eos_token_id":         [(2,), (0, 2)],
    "bos_token_id":         [0, 1],
    "pad_token_id":         [0, 1],
    "role":                 ["system", "developer", "user", "assistant"],
    "thinking_budget":      [0, 1024],
    "response_format":      ["json", {"type": "object"}],
    "device":               ["auto", "cpu", "gpu", "cuda", "cuda:1", "mps"],
    "timeout":              [0.1, 30],
    "provider_options":     [{}, {"openai": {"service_tier": "flex"}}],
}  # fmt: skip

OUTSIDE = {
    "max_tokens":         [0, -1, 1.0, 1.5, "10"],
    "temperature":        [-0.01, 2.01, "0.7", 1j],
    "top_k":              [-1, 40.0, [40]],
    "top_p":              [-0.01, 1.01],
    "seed":               [-1, 2**63, 1.0],
    "frequency_penalty":  [-2.01, 2.01],
    "presence_penalty":   [-2.01, 2.01],
    "repetition_penalty": [0, -1.3],
    "repition_penalty":   [0, -1.3],
    "stop_token":         ["", [], ["a", ""], [1], b"a", 5, ["a", None]],
    "system_prompt":      [b"Be brief.", 5, ["Be brief."]],
    "reasoning_effort":   ["", "Low", "extreme", 3, ["low"], np.array(["low"])],
    "max_length":           [0, 1.5],
    "min_p":                [-0.1, 1.1, "0.1"],
    "do_sample":            [0, 1, "yes", "never"],
    "num_return_sequences": [0, 129, 2.0],
    "num_beams":            [0, 129],
    "beam_width":           [0, 129],
    "freq_penalty":         [-2.01, 2.01],
    "stop_token_id":        [-1, [], "2"],
    "length_penalty":       ["1", math.nan, math.inf],
    "early_stopping":       [1, 0, "always"],
    "logit_bias":           [{5: 101}, {-1: 0}, {"a": 0}, {5: None}, [5], {1.5: 0}],
    "logprobs":             [-1, 21, True],
    "eos_token_id":         [-1, [], "2", [1, -1], 1.5],
    "bos_token_id":         [-1, 1.5, [1]],
    "pad_token_id":         [-1, 1.5, [1]],
    "role":                 ["robot", "", 1],
    "thinking_budget":      [-1, 1.5],
    "response_format":      ["xml", 5, [], int, {"type": "json_schema"}, {"type": "text"}],
    "device":               ["", "tpu", "cuda:", "cuda:x", "auto:1", 0, "cuda:99999"],
    "timeout":              [0, -1, math.inf, "5"],
    "provider_options":     [{"openai": 5}, {5: {}}, "openai", {"openai": {1: 2}}],
}  # fmt: skip

NUMBERS = [name for name, parameter in PARAMETERS.items() if isinstance(parameter.kind, Whole | Number)]
WHOLE = [name for name, parameter in PARAMETERS.items() if isinstance(parameter.kind, Whole)]
PENALTIES = ["frequency_penalty", "presence_penalty", "repetition_penalty"]


def rows(table):
    return [
        pytest.param(name, value, id=f"{name}={value!r}")
        for name, values in table.items()
        for value in values
    ]


def test_every_parameter_is_tried_here():
    assert set(PARAMETERS) | set(ALIASES) == set(INSIDE) == set(OUTSIDE) == set(Params.__annotations__)


@pytest.mark.parametrize(("name", "value"), rows(INSIDE))
def test_a_value_within_the_range_is_taken(name, value):
    (taken,) = checked({name: value}).values()

    assert taken == ((value,) if value == "\n" else tuple(value) if isinstance(value, list) else value)


@pytest.mark.parametrize(("name", "value"), rows(OUTSIDE))
def test_a_value_outside_the_range_is_refused_by_name_range_and_value(name, value):
    with pytest.raises(ValueError) as caught:
        checked({name: value})

    kind = str(PARAMETERS[ALIASES.get(name, name)].kind)
    assert isinstance(caught.value, InvalidParameter)
    assert isinstance(caught.value, LLMError)
    assert f"{name} takes {kind}; got {value!r}" == str(caught.value)


@pytest.mark.parametrize(
    "value", [True, False, math.nan, math.inf, -math.inf, 10**400, -(10**400), np.nan, np.bool_(1)]
)
@pytest.mark.parametrize("name", [*PENALTIES, "temperature", "top_p"])
def test_what_only_looks_like_a_number_is_refused(name, value):
    with pytest.raises(InvalidParameter, match=name):
        checked({name: value})


def test_every_parameter_has_a_sample_that_asks_for_something():
    for name, parameter in PARAMETERS.items():
        assert parameter.sample is not None
        assert parameter.check(name, parameter.sample) == parameter.sample


@pytest.mark.parametrize("value", [True, math.nan, math.inf, np.bool_(1), np.float64(1)])
@pytest.mark.parametrize("name", WHOLE)
def test_what_only_looks_like_a_whole_number_is_refused(name, value):
    with pytest.raises(InvalidParameter, match=name):
        checked({name: value})


@pytest.mark.parametrize("kind", [np.int8, np.int64, np.uint32])
@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_of_numpy_become_plain_ones(name, kind):
    assert type(checked({name: kind(7)})[name]) is int


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5), np.int64(1), fractions.Fraction(1, 2)])
@pytest.mark.parametrize("name", ["temperature", "top_p", *PENALTIES])
def test_numbers_of_numpy_become_plain_ones(name, value):
    plain = checked({name: value})[name]

    assert type(plain) is float
    assert plain == value


def test_a_whole_number_stays_whole_where_any_number_will_do():
    assert type(checked({"temperature": 1})["temperature"]) is int


def test_a_member_of_an_enumeration_of_words_becomes_the_word():
    class Level(str, enum.Enum):  # noqa: UP042  # of which str() is not the word
        LOW = "low"

    effort = checked({"reasoning_effort": Level.LOW})["reasoning_effort"]

    assert type(effort) is str
    assert effort == "low"


def test_one_stop_token_and_several_are_kept_alike_and_each_once():
    assert checked({"stop_token": "\n"}) == {"stop_token": ("\n",)}
    assert checked({"stop_token": ["b", "a", "b"]}) == {"stop_token": ("b", "a")}
    assert checked({"stop_token": (stop for stop in "ab")}) == {"stop_token": ("a", "b")}


@pytest.mark.parametrize("name", [*PARAMETERS, *ALIASES])
def test_none_is_not_set(name):
    assert checked({name: None}) == {}


def test_two_spellings_of_one_parameter_may_agree():
    both = {"repition_penalty": 1.2, "repetition_penalty": 1.2}

    assert checked(both) == {"repetition_penalty": 1.2}
    assert checked({**both, "repition_penalty": None}) == {"repetition_penalty": 1.2}


def test_two_spellings_of_one_parameter_may_not_differ():
    with pytest.raises(
        InvalidParameter, match=r"repetition_penalty and repition_penalty are one parameter.*1\.3.*1\.2"
    ):
        checked({"repition_penalty": 1.2, "repetition_penalty": 1.3})


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("temprature", "temperature"),
        ("max_token", "max_tokens"),
        ("repitition_penalty", "repetition_penalty"),
        ("Seed", "seed"),
    ],
)
def test_a_misspelt_parameter_is_a_type_error_with_the_nearest_name(misspelt, meant):
    with pytest.raises(TypeError, match=f"unknown parameter '{misspelt}'; did you mean '{meant}'") as caught:
        checked({misspelt: 1})
    assert isinstance(caught.value, UnknownParameter)


def test_a_parameter_like_no_other_lists_what_there_is():
    with pytest.raises(UnknownParameter, match=r"'zzz'; there are: .*max_tokens.*temperature"):
        checked({"zzz": None})


@given(st.sampled_from(NUMBERS), st.one_of(st.integers(), st.floats(), st.text(), st.booleans(), st.binary()))
def test_whatever_is_given_is_a_plain_number_or_an_error_of_ours(name, value):
    try:
        (plain,) = checked({name: value}).values()
    except InvalidParameter:
        return

    assert type(plain) in (int, float)
    assert math.isfinite(plain)


@pytest.fixture
def llm():
    return LLM("m", provider=FakeProvider)


@pytest.mark.parametrize("name", [*PARAMETERS, *ALIASES])
def test_every_parameter_is_a_keyword_and_an_attribute_of_an_llm(name):
    value = INSIDE[name][-1]
    llm = LLM("m", provider=FakeProvider, **{name: value})

    assert getattr(llm, name) == value
    setattr(llm, name, None)
    assert getattr(llm, name) is None
    assert llm.parameters == {}


def test_a_parameter_that_is_set_is_checked(llm):
    llm.temperature = np.float64(0.5)

    with pytest.raises(InvalidParameter, match="temperature takes a number from 0 to 2; got 3"):
        llm.temperature = 3
    with pytest.raises(UnknownParameter, match="did you mean 'temperature'"):
        llm.set_parameter("temprature", 1)
    assert llm.parameters == {"temperature": 0.5}


def test_what_the_parameters_are_is_a_copy(llm):
    llm.parameters["temperature"] = 3

    assert llm.parameters == {}


def test_a_parameter_explains_itself():
    assert "Randomness" in (LLM.temperature.__doc__ or "")


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_docstring_of_an_llm_explains_every_parameter(name):
    parameter = PARAMETERS[name]

    assert f"    {name}: {parameter.meaning} Takes {parameter.kind}." in LLM.__doc__


@pytest.mark.parametrize("name", ["strict", "policy", "model_name"])
def test_what_belongs_to_an_llm_is_not_given_to_a_call(llm, name):
    with pytest.raises(UnknownParameter, match=f"'{name}' is given to LLM"):
        llm.run("x", **{name: True})


def test_the_two_spellings_are_one_attribute(llm):
    llm.repition_penalty = 1.2

    assert llm.repetition_penalty == 1.2
    llm.repetition_penalty = 1.3
    assert llm.repition_penalty == 1.3
    assert pickle.loads(pickle.dumps(llm)).repition_penalty == 1.3


def test_ids_of_tokens_may_be_texts_as_json_has_them():
    assert checked({"logit_bias": {"42": -5}}) == {"logit_bias": {42: -5}}


def test_one_end_token_and_several_are_kept_alike():
    assert checked({"eos_token_id": 2}) == checked({"eos_token_id": [2, 2]}) == {"eos_token_id": (2,)}


class Weather(pydantic.BaseModel):
    celsius: float


@pytest.mark.parametrize(
    "spelt",
    [
        Weather.model_json_schema(),
        Weather,
        {"type": "json_schema", "json_schema": {"name": "w", "schema": Weather.model_json_schema()}},
    ],
)
def test_a_schema_may_be_a_class_or_what_openai_wraps_it_in(spelt):
    assert checked({"response_format": spelt}) == {"response_format": Weather.model_json_schema()}


def test_any_json_may_be_said_as_openai_says_it():
    assert checked({"response_format": {"type": "json_object"}}) == {"response_format": "json"}


@pytest.mark.parametrize(
    "spelt",
    [
        {"type": "json_schema", "json_schema": {"schema": {}, "description": "would be lost"}},
        {"type": "json_object", "more": 1},
        {"enum": [object()]},
        {"const": math.nan},
        {"const": "\ud800"},
    ],
)
def test_a_schema_that_could_not_be_sent_whole_is_refused(spelt):
    with pytest.raises(InvalidParameter, match="response_format takes"):
        checked({"response_format": spelt})


@pytest.mark.parametrize("value", [object(), math.inf, "\ud800", {1, 2}])
def test_options_that_are_no_json_are_refused(value):
    with pytest.raises(InvalidParameter, match="provider_options takes"):
        checked({"provider_options": {"openai": {"x": value}}})


def test_a_callers_own_objects_can_change_without_the_llms_parameters():
    own = {"openai": {"metadata": {"a": 1}}}
    llm = LLM("m", provider=FakeProvider, provider_options=own, logit_bias={1: 2})
    own["openai"]["metadata"]["a"] = 2
    llm.logit_bias["x"] = "y"
    copy.deepcopy(llm).provider_options["openai"]["metadata"]["a"] = 3

    assert llm.parameters == {"provider_options": {"openai": {"metadata": {"a": 1}}}, "logit_bias": {1: 2}}


def test_a_class_of_a_model_is_no_parameter_but_its_schema():
    llm = LLM("m", provider=FakeProvider, response_format=Weather)

    assert llm.response_format == Weather.model_json_schema()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"do_sample": True, "temperature": 0}, "do_sample=True and temperature=0: .*never does"),
        ({"num_return_sequences": 5, "num_beams": 4}, "num_return_sequences=5 and num_beams=4: beam search"),
    ],
)
def test_two_parameters_that_contradict_each_other_are_refused(given, said):
    with pytest.raises(InvalidParameter, match=said):
        checked(given)


@pytest.mark.parametrize(
    "given",
    [
        {"do_sample": False, "temperature": 0},
        {"do_sample": True, "temperature": 0.1},
        {"num_return_sequences": 5, "num_beams": 1},
        {"num_return_sequences": 4, "num_beams": 4},
    ],
)
def test_two_parameters_that_go_together_are_taken(given):
    assert checked(given) == given


def test_a_call_that_contradicts_its_instance_is_refused_before_anything_is_sent():
    fake = FakeProvider()
    llm = LLM("m", provider=lambda: fake, do_sample=True)

    with pytest.raises(InvalidParameter, match="do_sample=True and temperature=0"):
        llm.run("x", temperature=0)
    assert fake.requests == []
