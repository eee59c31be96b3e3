"""Setters: each sets what it says, several in a line, and nothing of what is under way."""

import copy
import inspect
import pickle
import sys
import threading
from typing import get_type_hints

import anyio
import pytest

import asyncllm
from asyncllm import LLM, Choice, InvalidParameter, Response, UnknownModel, UnknownParameter, UnknownProvider
from asyncllm._creative import CREATIVE
from asyncllm._vocabulary import ALIASES, PARAMETERS, Params, checked
from asyncllm.provider import Provider, Table
from asyncllm.rules import Assumed, Native, Unsupported
from asyncllm.testing import FakeProvider

SPELLINGS = [*PARAMETERS, *ALIASES]
SPECIFIED = {
    "set_temperature": "value",
    "set_max_tokens": "value",
    "set_max_length": "max_length",
    "set_model_name": "model_name",
    "set_frequency_penalty": "frequency_penalty",
    "set_presence_penalty": "presence_penalty",
    "set_stop_token": "stop_token",
    "set_length_penalty": "length_penalty",
    "set_role": "role",
    "set_top_k": "top_k",
    "set_top_p": "top_p",
    "set_num_beams": "num_beams",
    "set_do_sample": "do_sample",
    "set_early_stopping": "early_stopping",
    "set_seed": "seed",
    "set_device": "device",
}
KEY = "sk-the-first-provider's"


@pytest.fixture
def llm():
    return LLM("m", provider=FakeProvider)


def first_parameter(setter):
    return list(inspect.signature(getattr(LLM, setter)).parameters)[1]


# Parameters.


@pytest.mark.parametrize("setter", SPECIFIED)
def test_what_a_setter_takes_is_named_as_specified(setter):
    assert first_parameter(setter) == SPECIFIED[setter]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_parameter_has_a_setter_under_each_of_its_names(llm, spelling):
    name = ALIASES.get(spelling, spelling)
    sample = PARAMETERS[name].sample
    setter = getattr(llm, f"set_{spelling}")

    assert setter(sample) is llm
    assert llm.parameters == {name: sample}
    assert getattr(llm, spelling) == sample
    assert setter(**{first_parameter(f"set_{spelling}"): None}) is llm
    assert llm.parameters == {}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_setter_takes_just_the_type_of_its_parameter(spelling):
    setter = getattr(LLM, f"set_{spelling}")

    assert get_type_hints(setter)[first_parameter(f"set_{spelling}")] == get_type_hints(Params)[spelling]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_setter_says_what_its_parameter_means_and_takes(spelling):
    definition = PARAMETERS[ALIASES.get(spelling, spelling)]

    assert definition.meaning in getattr(LLM, f"set_{spelling}").__doc__
    assert str(definition.kind) in getattr(LLM, f"set_{spelling}").__doc__


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_setter_refuses_what_its_parameter_cannot_be_and_leaves_what_was(llm, spelling):
    name = ALIASES.get(spelling, spelling)
    llm.set_parameter(name, PARAMETERS[name].sample)
    before = llm.parameters

    with pytest.raises(InvalidParameter, match=f"^{spelling} takes "):
        getattr(llm, f"set_{spelling}")(object())
    assert llm.parameters == before


def test_setters_stand_in_a_line(llm):
    assert llm.set_temperature(0.2).set_seed(7).set_stop_token("\n").set_role("system") is llm
    assert llm.parameters == {"temperature": 0.2, "seed": 7, "stop_token": ("\n",), "role": "system"}


def test_a_subclass_comes_out_of_a_setter_as_itself():
    class Mine(LLM):
        pass

    assert type(Mine("m", provider=FakeProvider).set_seed(7)) is Mine


# Other names.


def test_the_other_names_of_a_parameter_are_taken_everywhere(llm):
    fake = FakeProvider()
    told = LLM("m", provider=lambda: fake, freq_penalty=0.5, stop_token_id=2)
    told.run("x", freq_penalty=0.25)

    assert told.parameters == {"frequency_penalty": 0.5, "eos_token_id": (2,)}
    assert (told.freq_penalty, told.stop_token_id) == (0.5, (2,))
    assert fake.requests[0].options == {"frequency_penalty": 0.25, "eos_token_id": (2,)}


@pytest.mark.parametrize(
    "pair",
    [
        {"frequency_penalty": 0.5, "freq_penalty": 0.2},
        {"eos_token_id": 1, "stop_token_id": 2},
        {"model_name": "a", "model_id": "b"},
    ],
)
def test_two_names_of_one_parameter_must_agree(pair):
    with pytest.raises(InvalidParameter, match="are one parameter"):
        LLM(provider=FakeProvider, **pair)


def test_the_model_goes_by_three_names():
    assert LLM("m", model_name="m", model_id="m", provider=FakeProvider).model_name == "FakeProvider:m"
    assert LLM(model_id="m", provider=FakeProvider).model_id == "FakeProvider:m"
    with pytest.raises(UnknownParameter, match=r"given to LLM\(\)"):
        LLM("m", provider=FakeProvider).run("x", model_id="n")


# The model.


def test_another_model_is_asked_from_now_on():
    fake = FakeProvider()
    llm = LLM("one", provider=lambda: fake, temperature=0.5)
    llm.run("x")

    assert llm.set_model_name("two") is llm
    assert llm.generate("x").model == "two"
    assert [(request.model, request.options) for request in fake.requests] == [
        ("one", {"temperature": 0.5}),
        ("two", {"temperature": 0.5}),
    ]
    assert llm.set_model_id("three").plan("x").model == "three"


def test_the_models_name_is_an_attribute_that_can_be_set(llm):
    llm.model_name = "two"
    assert (llm.model_name, llm.model_id) == ("FakeProvider:two", "FakeProvider:two")

    llm.model_id = llm.model_name
    assert llm.plan("x").model == "two"


def test_another_provider_brings_its_own_rules_and_gets_no_settings_of_the_first(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "another")
    llm = LLM("openai:gpt-4.1", api_key=KEY, base_url="https://proxy.invalid/v1", seed=7)
    assert llm.plan("x").adjustments == ()

    llm.set_model_name("claude-sonnet-4-5")
    assert llm.model_name == "anthropic:claude-sonnet-4-5"
    assert llm.parameters == {"seed": 7}
    assert "seed" in [adjustment.parameter for adjustment in llm.plan("x").adjustments]
    assert KEY not in repr(vars(llm._llm_model)) + repr(vars(llm._llm_model.rulebook))
    assert llm._llm_model.settings == {}


def test_a_model_of_the_same_provider_keeps_the_settings_unless_there_are_others():
    llm = LLM("openai:gpt-4.1", api_key=KEY, base_url="https://proxy.invalid/v1")

    assert llm.set_model_name("gpt-4.1-mini")._llm_model.settings["api_key"] == KEY
    assert llm.set_model_name("openai:gpt-4.1", api_key="b")._llm_model.settings == {"api_key": "b"}


class Choosy(FakeProvider):
    tables = (Table(name="any", model="known"),)

    def rules(self, model, params):
        if model == "known":
            return {"seed": Native()}
        return {"seed": Unsupported("no"), "model_name": Assumed("the newest")}


def test_what_was_said_of_a_model_does_not_hold_for_another():
    llm = LLM("new", provider=Choosy, like="known", rules={"top_k": Native()}, seed=7, top_k=5)
    assert llm.plan("x").adjustments == ()

    llm.set_model_name("new")
    assert llm.plan("x").adjustments == ()
    llm.set_model_name("newer")
    assert {each.parameter for each in llm.plan("x").adjustments} == {"seed", "top_k", "model_name"}
    llm.set_model_name("newer", like="known", rules={"top_k": Native()})
    assert llm.plan("x").adjustments == ()


def test_what_a_caller_wants_holds_for_the_next_model_too():
    llm = LLM("known", provider=Choosy, strict=True, seed=7)
    llm.run("x")

    with pytest.raises(asyncllm.UnsupportedParameter):
        llm.set_model_name("new").run("x")


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("nobody:gpt", {}, UnknownProvider),
        ("unclaimed", {}, UnknownModel),
        ("openai:", {}, UnknownModel),
        ("", {}, InvalidParameter),
        (None, {}, InvalidParameter),
        (5, {}, InvalidParameter),
        ("gpt-4.1", {"api_kee": "x"}, UnknownParameter),
        ("gpt-4.1", {"temperature": 1}, UnknownParameter),
        ("gpt-4.1", {"like": 5}, InvalidParameter),
        ("gpt-4.1", {"rules": {"seed": 5}}, InvalidParameter),
        ("gpt-4.1", {"like": "nobody-knows-it"}, UnknownModel),
    ],
)
def test_a_model_that_cannot_be_leaves_the_one_that_was(name, options, error):
    llm = LLM("openai:gpt-4.1-mini", api_key=KEY)
    before = llm._llm_model

    with pytest.raises(error) as caught:
        llm.set_model_name(name, **options)
    assert KEY not in str(caught.value)
    assert llm._llm_model is before
    assert llm.model_name == "openai:gpt-4.1-mini"


class Slow(FakeProvider):
    """Opens only when it is told to."""

    def __init__(self, asked, go_on):
        super().__init__()
        self.asked, self.go_on = asked, go_on

    async def aopen(self):
        await super().aopen()
        self.asked.set()
        await self.go_on.wait()


@pytest.mark.anyio
async def test_a_call_under_way_ends_with_the_model_that_it_began_with():
    asked, go_on, made, replies = anyio.Event(), anyio.Event(), [], []

    def maker():
        made.append(Slow(asked, go_on))
        return made[-1]

    async def ask():
        replies.append(await llm.agenerate("x"))

    llm = LLM("one", provider=maker, max_length=100)
    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await asked.wait()
        llm.set_model_name("two").set_max_length(None)
        go_on.set()

    (used,) = [each for each in made if each.opened]
    assert [request.model for request in used.requests] == ["one"]
    assert 0 < used.requests[0].options["max_tokens"] < 100
    assert [reply.model for reply in replies] == ["one"]
    assert used.closed == 1


@pytest.mark.anyio
async def test_the_answer_of_a_call_under_way_names_the_model_that_gave_it():
    asked, go_on, replies = anyio.Event(), anyio.Event(), []

    class Terse(Provider):
        def rules(self, model, params):
            return {}

        async def complete(self, request):
            asked.set()
            await go_on.wait()
            return Response(choices=(Choice(text="yes"),))

    async def ask():
        replies.append(await llm.agenerate("x"))

    llm = LLM("one", provider=Terse)
    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await asked.wait()
        llm.set_model_name("two")
        go_on.set()

    assert [(reply.provider, reply.model) for reply in replies] == [("Terse", "one")]


@pytest.mark.anyio
async def test_a_stream_under_way_ends_with_the_model_that_it_began_with():
    llm = LLM("one", provider=lambda: FakeProvider(reply="a b c"), num_return_sequences=2)
    async with llm.astream("x") as stream:
        await anext(aiter(stream))
        llm.set_model_name("two")
        async for _ in stream:
            pass

    assert stream.response.model == "one"
    assert (await llm.agenerate("x")).model == "two"


@pytest.mark.anyio
@pytest.mark.parametrize("end", ["call", "aclose"])
async def test_what_an_earlier_model_held_open_is_closed_by_the_next_call_or_with_the_rest(end):
    made = []

    def maker():
        made.append(FakeProvider())
        return made[-1]

    llm = LLM("one", provider=maker)
    await llm.arun("x")
    llm.set_model_name("two").set_model_name("three")
    assert [each.closed for each in made if each.opened] == [0]

    await (llm.arun("x") if end == "call" else llm.aclose())
    assert [each.closed for each in made if each.opened] == ([1, 0] if end == "call" else [1])
    await llm.aclose()
    assert all(each.opened == each.closed for each in made)


@pytest.mark.anyio
async def test_models_that_are_changed_a_thousand_times_leave_nothing_behind():
    llm = LLM("one", provider=FakeProvider)
    for number in range(1000):
        await llm.set_model_name(f"m-{number}").arun("x")

    assert len(llm._llm_model._left) <= 1


def test_an_llm_travels_with_the_model_that_it_was_set_to(llm):
    llm.set_model_name("two").set_seed(7)

    for twin in (copy.copy(llm), copy.deepcopy(llm), pickle.loads(pickle.dumps(llm))):
        assert repr(twin) == "LLM('FakeProvider:two', seed=7)"
    copy.copy(llm).set_model_name("three")
    assert llm.model_name == "FakeProvider:two"


# Creative mode.


BEFORE = {"temperature": 0.3, "top_k": 5, "do_sample": False, "seed": 7}
SET = {name: value for name, value in CREATIVE.items() if value is not None}


@pytest.fixture
def sober():
    return LLM("m", provider=FakeProvider, **BEFORE)


def test_the_creative_parameters_are_such_that_they_can_be_set():
    assert checked(CREATIVE) == SET


def test_creative_mode_sets_its_parameters_and_puts_back_what_was_there(sober):
    assert sober.creative_mode is False

    assert sober.toggle_creative_mode(True) is sober
    assert sober.creative_mode is True
    assert sober.parameters == {**SET, "seed": 7}
    assert sober.plan("x").sent

    assert sober.toggle_creative_mode(enable=False) is sober
    assert sober.creative_mode is False
    assert sober.parameters == BEFORE


def test_creative_mode_reaches_the_provider():
    fake = FakeProvider()
    LLM("m", provider=lambda: fake, top_k=5).toggle_creative_mode(True).run("x")

    assert fake.requests[0].options == SET


def test_turning_on_what_is_on_and_off_what_is_off_changes_nothing(sober):
    sober.toggle_creative_mode(False)
    assert sober.parameters == BEFORE

    sober.toggle_creative_mode(True).toggle_creative_mode(True)
    assert sober.parameters == {**SET, "seed": 7}
    sober.toggle_creative_mode(False).toggle_creative_mode(False)
    assert sober.parameters == BEFORE


@pytest.mark.parametrize("value", [0.9, CREATIVE["temperature"], None])
def test_what_is_set_meanwhile_holds_and_stays(sober, value):
    sober.toggle_creative_mode(True).set_temperature(value)
    assert sober.temperature == value

    sober.toggle_creative_mode(True)
    assert sober.temperature == value
    sober.max_tokens = 3
    sober.toggle_creative_mode(False)
    assert sober.temperature == value
    assert {**sober.parameters, "temperature": 0.3} == {**BEFORE, "max_tokens": 3}


def test_what_is_refused_meanwhile_is_the_modes_still(sober):
    sober.toggle_creative_mode(True)
    with pytest.raises(InvalidParameter):
        sober.set_temperature(9)

    assert sober.toggle_creative_mode(False).parameters == BEFORE


@pytest.mark.parametrize("enable", [None, 1, "on"])
def test_creative_mode_is_on_or_off(sober, enable):
    with pytest.raises(InvalidParameter, match="enable takes True or False"):
        sober.toggle_creative_mode(enable)

    assert sober.parameters == BEFORE


def test_what_a_model_does_not_take_of_creative_mode_is_told():
    llm = LLM("m", provider=lambda: FakeProvider(rules={"temperature": Native(within=(0, 1))}))
    verdicts = {
        each.parameter: each.verdict for each in llm.toggle_creative_mode(True).generate("x").adjustments
    }

    assert verdicts["temperature"] == "clamped"
    assert verdicts["presence_penalty"] == "dropped"


def test_creative_mode_travels(sober):
    sober.toggle_creative_mode(True)
    twins = [copy.copy(sober), copy.deepcopy(sober), pickle.loads(pickle.dumps(sober))]

    for twin in twins:
        assert twin.creative_mode
        assert twin.parameters == {**SET, "seed": 7}
        twin.set_temperature(0.9)
        assert twin.toggle_creative_mode(False).parameters == {**BEFORE, "temperature": 0.9}
    assert sober.toggle_creative_mode(False).parameters == BEFORE


@pytest.mark.anyio
async def test_creative_mode_does_not_reach_a_call_in_flight():
    asked, go_on = anyio.Event(), anyio.Event()
    slow = Slow(asked, go_on)
    llm = LLM("m", provider=lambda: slow, temperature=0.1)
    async with anyio.create_task_group() as group:
        group.start_soon(llm.arun, "x")
        await asked.wait()
        llm.toggle_creative_mode(True)
        go_on.set()

    assert slow.requests[0].options == {"temperature": 0.1}


def test_parameters_can_be_read_and_set_in_threads_at_once(llm):
    names = ["seed", "top_k", "max_tokens", "temperature"]
    failed = []

    def write(name):
        for _ in range(300):
            llm.set_parameter(name, 1)
            if getattr(llm, name) != 1:
                failed.append(name)
            llm.set_parameter(name, None)

    def read():
        try:
            for _ in range(300):
                assert set(llm.parameters) <= {*names}
                assert llm.seed in {1, None}
        except RuntimeError as exc:
            failed.append(exc)

    threads = [threading.Thread(target=write, args=(name,)) for name in names]
    threads += [threading.Thread(target=read) for _ in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)

    assert failed == []
    assert llm.parameters == {}


def test_what_is_read_of_a_parameter_is_a_copy_of_that_one_alone(llm, monkeypatch):
    llm.logit_bias, llm.stop_token = {1: 2.0}, ["a"]
    copied = []
    monkeypatch.setattr(
        "asyncllm._parameters.copy.deepcopy", lambda value: copied.append(value) or type(value)(value)
    )
    llm.logit_bias[5] = 1.0

    assert copied == [{1: 2.0}]
    assert llm.parameters["logit_bias"] == {1: 2.0}
