"""Every specified parameter reaches the model, or an adjustment tells that and why it does not."""

import functools
from collections.abc import Mapping

import pytest
from specified import CANONICAL, ROWS, TASK, shown

from asyncllm import LLM, InvalidParameter, UnknownParameter


def verdicts(response, name):
    """Return what is reported of a parameter: nothing, where it is done just as asked."""
    name = CANONICAL.get(name, name)
    return [each.verdict for each in response.adjustments if each.parameter == name]


@pytest.mark.anyio
@pytest.mark.parametrize("name", ROWS)
async def test_a_parameter_reaches_the_model_or_an_adjustment_tells(subject, name):
    row = ROWS[name]
    expected = getattr(row, subject.name)
    async with subject.make(**subject.quick) as llm:
        response = await llm.agenerate(TASK, **{name: row.value})

    if isinstance(expected, Mapping):
        body = subject.bodies[0]
        assert {key: body.get(key) for key in expected} == expected
        assert not {"clamped", "dropped"} & set(verdicts(response, name))
    elif expected in {"native", "renamed"}:
        assert verdicts(response, name) == []
    else:
        assert verdicts(response, name) == [expected]
    assert not [body for body in subject.bodies if None in body.values()]


@pytest.mark.parametrize("name", ROWS)
def test_a_parameter_is_the_same_wherever_it_is_given(subject, name):
    value = ROWS[name].value
    llm = subject.make()
    before, bare = getattr(llm, name), shown(llm)
    per_call = shown(llm, **{name: value})
    setattr(llm, name, value)
    attribute = shown(llm)
    setattr(llm, name, before)

    assert shown(llm) == bare != attribute
    assert shown(subject.make(**{name: value})) == attribute == per_call
    assert shown(getattr(llm, f"set_{name}")(value)) == attribute


@pytest.mark.parametrize("given", [{"temperature": 0.2}, {"stop_token": "b"}, {"system_prompt": "Be kind."}])
def test_a_call_wins_over_the_instance_and_leaves_it_as_it_was(subject, given):
    (name,) = given
    llm = subject.make(**{name: ROWS[name].value})

    assert shown(llm, **given) == shown(subject.make(**given))
    assert shown(llm, **{name: None}) == shown(llm) == shown(subject.make(**{name: ROWS[name].value}))


def test_none_of_them_is_set_by_itself(subject):
    llm = subject.make(**dict.fromkeys(ROWS))

    assert llm.parameters == {}
    assert {name: getattr(llm, name) for name in ROWS} == dict.fromkeys(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_what_a_parameter_cannot_be_is_refused_before_anything_is_sent(subject, name):
    wrong = {name: ROWS[name].wrong}
    with pytest.raises(InvalidParameter, match=f"^{name} takes "):
        subject.make(**wrong)
    with pytest.raises(InvalidParameter, match=f"^{name} takes "):
        subject.make().run(TASK, **wrong)

    assert subject.bodies == []


@pytest.mark.parametrize("spelling", ["model", "model_name", "model_id"])
def test_the_models_name_goes_by_three_names(subject, spelling):
    llm = subject.make(**{spelling: subject.model})

    assert (llm.model_name, llm.model_id) == (subject.model, subject.model)
    assert llm.run(TASK, max_tokens=2)
    with pytest.raises(InvalidParameter, match="are one parameter"):
        subject.make(**{spelling: subject.model, "model_name" if spelling == "model" else "model": "gpt-4o"})


def test_a_name_may_stand_first_and_nothing_may_follow(subject):
    kind = functools.partial(LLM, subject.model, **subject.settings)

    assert kind().model_name == subject.model
    with pytest.raises(TypeError, match="positional arguments"):
        LLM(subject.model, 50)


@pytest.mark.parametrize("given", [{"stop_tokens": "x"}, {"temprature": 1}])
def test_a_misspelt_parameter_is_refused_with_the_nearest(subject, given):
    (name,) = given
    with pytest.raises(UnknownParameter, match=f"{name}.*did you mean '(stop_token|temperature)'"):
        subject.make().run(TASK, **given)
    with pytest.raises(UnknownParameter, match=f"{name}.*did you mean '(stop_token|temperature)'"):
        subject.make(**given)


@pytest.mark.parametrize(("name", "other"), CANONICAL.items())
def test_two_spellings_of_one_parameter_must_agree(subject, name, other):
    value = ROWS[name].value

    assert subject.make(**{name: value, other: value}).parameters[other]
    with pytest.raises(InvalidParameter, match="are one parameter"):
        subject.make(**{name: value, other: value + 1})
