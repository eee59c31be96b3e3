"""Every specified parameter is an attribute: it reads as it was set, and takes nothing that it cannot be."""

import pytest
from specified import CANONICAL, ROWS

from asyncllm import LLM, InvalidParameter, UnknownParameter
from asyncllm.testing import FakeProvider

READS = {"stop_token": ("###",), "eos_token_id": (253,), "stop_token_id": (253,)}
"""What reads otherwise than it was set: what may be several always reads as several."""


@pytest.mark.parametrize("name", ROWS)
def test_an_attribute_reads_as_it_was_set_and_refuses_what_it_cannot_be(name):
    llm = LLM("m", provider=FakeProvider)
    row = ROWS[name]
    read = READS.get(name, row.value)
    assert getattr(llm, name) is None

    setattr(llm, name, row.value)
    assert getattr(llm, name) == read
    with pytest.raises(InvalidParameter, match="takes"):
        setattr(llm, name, row.wrong)
    assert getattr(llm, name) == read
    assert llm.parameters == {CANONICAL.get(name, name): read}

    delattr(llm, name)
    assert getattr(llm, name) is None


@pytest.mark.parametrize(("name", "other"), CANONICAL.items())
def test_two_names_of_a_parameter_are_one_attribute(name, other):
    llm = LLM("m", provider=FakeProvider)
    setattr(llm, name, ROWS[name].value)

    assert getattr(llm, other) == getattr(llm, name) is not None
    setattr(llm, other, None)
    assert getattr(llm, name) is None


def test_the_models_name_reads_with_its_provider_and_can_be_set(subject, local):
    llm = subject.make()
    assert (llm.model_name, llm.model_id) == (subject.model, subject.model)

    llm.model_name = local.model
    assert (llm.model_name, llm.model_id) == (local.model, local.model)


def test_an_attribute_that_there_is_not_names_the_nearest():
    llm = LLM("m", provider=FakeProvider)

    with pytest.raises(UnknownParameter, match="did you mean 'temperature'"):
        llm.temprature = 1
