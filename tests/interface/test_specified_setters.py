"""Every setter that was specified: validated, chainable, and felt by the next call."""

import inspect

import pytest
from specified import ROWS, TASK, shown

from asyncllm import LLM, InvalidParameter, UnknownModel, UnknownProvider

TAKES = {"max_tokens": "value", "temperature": "value"}
"""What a setter's argument is called where it is not called as the parameter."""
MODE = {"do_sample": True, "temperature": 1.2, "top_p": 0.95, "presence_penalty": 0.5}


@pytest.mark.parametrize("name", ROWS)
def test_a_setter_is_felt_by_the_next_call(subject, name):
    row = ROWS[name]
    llm = subject.make()
    setter = getattr(llm, f"set_{name}")

    assert setter(**{TAKES.get(name, name): row.value}) is llm
    assert shown(llm) == shown(subject.make(**{name: row.value}))
    with pytest.raises(InvalidParameter, match=f"^{name} takes "):
        setter(row.wrong)
    assert shown(llm) == shown(subject.make(**{name: row.value}))
    assert setter(None).parameters == {key: llm.parameters[key] for key in llm.parameters if key != name}


def test_setters_stand_in_a_line(subject):
    with subject.make() as llm:
        assert llm.set_temperature(0).set_max_tokens(2).set_stop_token("###").run(TASK) == llm.run(TASK)
        assert (llm.temperature, llm.max_tokens, llm.stop_token) == (0, 2, ("###",))


def test_set_model_name_asks_another_model(subject, local):
    other = local if not subject.is_local else None
    with subject.make(max_tokens=2, temperature=0) as llm:
        llm.run(TASK)
        if other is None:
            assert llm.set_model_name("smollm2-135m-instruct").model_name == subject.model
        else:
            asked = len(subject.bodies)
            assert llm.set_model_name(other.model, **other.settings) is llm
            assert (llm.model_name, llm.temperature) == (other.model, 0)
            assert llm.generate(TASK).provider == "llamacpp"
            assert len(subject.bodies) == asked


@pytest.mark.parametrize("spelling", ["model_name", "model_id"])
def test_a_model_that_there_is_not_changes_nothing(subject, spelling):
    llm = subject.make()
    for wrong, error in (("no:where", UnknownProvider), ("nobody's", UnknownModel), ("", InvalidParameter)):
        with pytest.raises(error):
            getattr(llm, f"set_{spelling}")(wrong)
        with pytest.raises(error):
            setattr(llm, spelling, wrong)

    assert llm.model_name == subject.model


def test_creative_mode_is_a_switch_and_back(subject):
    with subject.make(top_k=40, temperature=0.2) as llm:
        before = llm.parameters

        assert llm.toggle_creative_mode(enable=True) is llm
        assert llm.creative_mode
        assert MODE.items() <= llm.parameters.items()
        assert llm.top_k is None
        response = llm.generate(TASK, max_tokens=1)
        llm.toggle_creative_mode(False)
        assert (llm.parameters, llm.creative_mode) == (before, False)

    if subject.name == "openai":
        sent = {"temperature": 1.2, "top_p": 0.95, "presence_penalty": 0.5}
        assert {name: subject.bodies[0].get(name) for name in sent} == sent
    elif subject.name == "anthropic":
        assert subject.bodies[0]["temperature"] == 1.0
        told = {change.parameter: change.verdict for change in response.adjustments}
        assert told.items() >= {"temperature": "clamped", "presence_penalty": "dropped"}.items()
    else:
        assert response.adjustments == ()
    with pytest.raises(InvalidParameter, match="enable takes True or False"):
        llm.toggle_creative_mode("yes")


def test_the_setters_that_were_specified_take_what_was_specified():
    setters = {name: list(inspect.signature(getattr(LLM, f"set_{name}")).parameters)[1] for name in ROWS}

    assert setters == {name: TAKES.get(name, name) for name in ROWS}
    assert next(iter(list(inspect.signature(LLM.set_model_name).parameters)[1:])) == "model_name"
