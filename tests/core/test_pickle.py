"""An LLM travels as what it is made of, and leaves its key at home."""

import copy
import pickle
import subprocess
import sys

import pytest

from asyncllm import LLM, Adjustment, Choice, Message, MissingAPIKey, Response, Retry, Text
from asyncllm.testing import FakeProvider

KEY = "sk-a-secret-key"


class Keyed(FakeProvider):
    def __init__(self, *, api_key=None, base_url="http://localhost"):
        super().__init__(reply=f"{base_url} {'with' if api_key else 'without'} a key")


def made():
    return LLM(
        "m",
        provider=Keyed,
        api_key=KEY,
        base_url="http://elsewhere",
        temperature=0.5,
        stop_token=["a", "b"],
        repition_penalty=1.2,
        strict=True,
        retry=Retry(attempts=7),
    )


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_what_an_llm_is_made_of_arrives(protocol):
    llm = made()
    arrived = pickle.loads(pickle.dumps(llm, protocol))

    assert repr(arrived) == repr(llm)
    assert arrived.model_name == "Keyed:m"
    assert arrived.parameters == {"temperature": 0.5, "stop_token": ("a", "b"), "repetition_penalty": 1.2}
    assert (arrived._llm_policies.strict, arrived._llm_retry) == (True, Retry(attempts=7))
    assert arrived.run("x") == "http://elsewhere without a key"


def test_the_key_stays_at_home():
    llm = made()
    llm.run("x")

    assert KEY.encode() not in pickle.dumps(llm)
    assert llm.run("x") == "http://elsewhere with a key"


def test_an_llm_that_has_been_used_travels_without_what_it_opened():
    llm = LLM("m", provider=FakeProvider)
    llm.run("x")

    assert pickle.loads(pickle.dumps(llm))._llm_model.rulebook.requests == []


def test_a_subclass_arrives_as_itself():
    assert type(pickle.loads(pickle.dumps(Loud("m", provider=FakeProvider)))) is Loud


class Remembering(LLM):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self._notes = ["a"]


def test_a_subclass_keeps_what_it_has_of_its_own():
    llm = Remembering("m", provider=Keyed)

    deep, arrived = copy.deepcopy(llm), pickle.loads(pickle.dumps(llm))
    deep._notes.append("b")

    assert (llm._notes, deep._notes, arrived._notes) == (["a"], ["a", "b"], ["a"])


class Loud(LLM):
    pass


def test_an_llm_arrives_in_another_process():
    llm = LLM("m", provider=FakeProvider, temperature=0.5, reply="hello")
    code = "import pickle, sys; llm = pickle.load(sys.stdin.buffer); print(llm, llm.run('x'))"
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(llm), capture_output=True, check=True
    )

    assert done.stdout.decode().strip() == "LLM('FakeProvider:m', temperature=0.5) hello"


def test_values_travel():
    for value in (
        Message("user", [Text("x")]),
        LLM("m", provider=FakeProvider, rules={}).generate("x", seed=1),
        Adjustment(parameter="seed", verdict="dropped", asked=1),
        MissingAPIKey("set EXAMPLE_API_KEY"),
    ):
        arrived = pickle.loads(pickle.dumps(value))
        assert arrived == value or arrived.args == value.args


def test_a_response_does_not_compare_or_show_what_is_raw():
    one, other = (Response(choices=(Choice(text="x"),), raw=raw) for raw in ({"a": 1}, None))

    assert one == other
    assert "raw" not in repr(one)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_within_the_process_keeps_the_key(copied):
    llm = made()

    twin = copied(llm)
    twin.temperature = 0.9

    assert twin.run("?") == "http://elsewhere with a key"
    assert llm.temperature == 0.5
