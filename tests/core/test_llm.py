"""Ask once: what goes in, what comes out, and what is left when the caller goes."""

import copy
import gc
import pickle
import weakref

import anyio
import pytest
from anyio.lowlevel import checkpoint

import asyncllm
from asyncllm import LLM, InvalidParameter, InvalidTask, Message, Text, UnknownParameter, Usage
from asyncllm.provider import Provider
from asyncllm.rules import Native, StopTokens
from asyncllm.testing import FakeProvider

pytestmark = pytest.mark.anyio


def test_the_class_has_both_names():
    assert asyncllm.BaseLLM is asyncllm.LLM


async def test_arun_returns_the_text():
    assert await LLM("m", provider=lambda: FakeProvider(reply="hello you")).arun("hi") == "hello you"


async def test_the_request_holds_the_model_the_conversation_and_the_options():
    fake = FakeProvider()
    llm = LLM("m-1", provider=lambda: fake, temperature=0.5)
    await llm.arun([Message("system", "s"), {"role": "user", "content": "u"}], max_tokens=7)

    (request,) = fake.requests
    assert request.model == "m-1"
    assert request.messages == (Message("system", "s"), Message("user", "u"))
    assert request.options == {"temperature": 0.5, "max_tokens": 7}


async def test_agenerate_returns_all_that_is_known():
    llm = LLM("m", provider=lambda: FakeProvider(reply="a b c"))
    reply = await llm.agenerate("one two")

    assert (reply.text, reply.texts) == ("a b c", ("a b c",))
    assert reply.usage == Usage(input_tokens=2, output_tokens=3)
    assert reply.usage.total_tokens == 5
    assert (reply.finish_reason, reply.matched_stop) == ("stop", None)
    assert (reply.provider, reply.model, reply.request_id, reply.attempts) == ("FakeProvider", "m", "fake", 1)
    assert 0 < reply.timing.first_token <= reply.timing.total
    assert reply.tokens_per_second > 0
    assert reply.adjustments == ()


async def test_a_provider_that_only_completes_can_be_streamed_and_one_that_only_streams_completed():
    class Completing(Provider):
        def rules(self, model, params):
            return {"stop_token": StopTokens()}

        async def complete(self, request):
            return asyncllm.Response(
                choices=(asyncllm.Choice(text="one, two", finish_reason="length"),),
                usage=Usage(input_tokens=1, output_tokens=2),
                model="exact",
                request_id="r",
            )

    llm = LLM("m", provider=Completing)
    reply = await llm.agenerate("x")
    async with llm.astream("x") as stream:
        pieces = [piece async for piece in stream]
    cut = await llm.agenerate("x", stop_token=",")

    assert pieces == ["one, two"]
    for answer in (reply, stream.response):
        assert (answer.text, answer.finish_reason, answer.model, answer.request_id) == (
            "one, two",
            "length",
            "exact",
            "r",
        )
        assert answer.usage == Usage(input_tokens=1, output_tokens=2)
    assert reply.timing.first_token is None
    assert reply.provider == "Completing"
    assert (cut.text, cut.finish_reason, cut.matched_stop) == ("one", "stop_sequence", ",")
    assert (cut.model, cut.request_id) == ("exact", "r")


async def test_an_emulated_stop_token_cuts_the_answer_and_stops_the_provider():
    fake = FakeProvider(reply="one two STOP three", rules={"stop_token": StopTokens()})
    reply = await LLM("m", provider=lambda: fake).agenerate("x", stop_token=["three", "STOP"])

    assert (reply.text, reply.finish_reason, reply.matched_stop) == ("one two ", "stop_sequence", "STOP")
    assert [change.verdict for change in reply.adjustments] == ["emulated"]
    assert (reply.model, reply.request_id, reply.attempts) == ("m", "fake", 1)
    assert fake.running == 0


@pytest.mark.parametrize("reply", ["", "STOP", "STO", "x STO"])
async def test_an_emulated_stop_token_loses_nothing_that_it_is_not(reply):
    fake = FakeProvider(reply=reply, rules={"stop_token": StopTokens()})
    answer = await LLM("m", provider=lambda: fake).agenerate("x", stop_token="STOP")

    assert answer.text == ("" if reply == "STOP" else reply)
    assert answer.finish_reason == ("stop_sequence" if reply == "STOP" else "stop")


class Waiting(Provider):
    """Never answers; notes when it is asked and when it is let go."""

    def __init__(self):
        self.asked = anyio.Event()
        self.let_go = anyio.Event()

    def rules(self, model, params):
        return {"stop_token": StopTokens()}

    async def complete(self, request):
        self.asked.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.let_go.set()


@pytest.mark.parametrize("method", ["arun", "agenerate"])
async def test_cancelling_a_call_cancels_the_provider(method):
    provider = Waiting()
    llm = LLM("m", provider=lambda: provider)
    async with anyio.create_task_group() as group:
        group.start_soon(getattr(llm, method), "x")
        await provider.asked.wait()
        group.cancel_scope.cancel()

    assert provider.let_go.is_set()


async def test_an_attribute_that_is_set_does_not_reach_a_call_in_flight():
    asked, go_on = anyio.Event(), anyio.Event()

    class Slow(FakeProvider):
        async def aopen(self):
            asked.set()
            await go_on.wait()

    slow = Slow()
    llm = LLM("m", provider=lambda: slow, temperature=0.1)
    async with anyio.create_task_group() as group:
        group.start_soon(llm.arun, "x")
        await asked.wait()
        llm.temperature = 0.9
        go_on.set()

    assert slow.requests[0].options == {"temperature": 0.1}


@pytest.mark.parametrize("task", ["", [], None, 5, [5], {"role": "user"}])
async def test_a_bad_task_is_refused_before_anything_is_opened(task):
    fake = FakeProvider()
    llm = LLM("m", provider=lambda: fake)

    with pytest.raises(InvalidTask):
        await llm.arun(task)
    with pytest.raises(InvalidTask):
        async with llm.astream(task):
            raise AssertionError
    assert (fake.opened, fake.requests) == (0, [])


async def test_a_bad_parameter_is_refused_before_anything_is_opened():
    fake = FakeProvider()
    llm = LLM("m", provider=lambda: fake)

    with pytest.raises(InvalidParameter, match="top_p takes a number from 0 to 1; got 2"):
        await llm.arun("x", top_p=2)
    with pytest.raises(TypeError, match="'temprature'; did you mean 'temperature'"):
        await llm.arun("x", temprature=1)
    assert (fake.opened, fake.requests) == (0, [])


def test_a_misspelt_setting_is_refused_with_the_nearest_name():
    with pytest.raises(UnknownParameter, match="'temprature'; did you mean 'temperature'"):
        LLM("m", provider=FakeProvider, temprature=1)
    with pytest.raises(UnknownParameter, match="'replay'; did you mean 'reply'"):
        LLM("m", provider=FakeProvider, replay="x")
    with pytest.raises(UnknownParameter, match="'strickt'; did you mean 'strict'"):
        LLM("m", provider=FakeProvider, strickt=True)


def test_settings_reach_the_provider():
    assert LLM("m", provider=FakeProvider, reply="set").run("x") == "set"


def test_a_provider_that_takes_any_setting_is_not_second_guessed():
    class Any(FakeProvider):
        def __init__(self, **settings):
            super().__init__(reply=settings["anything"])

    assert LLM("m", provider=Any, anything="goes").run("x") == "goes"


def test_the_model_has_two_names_that_may_not_differ():
    assert LLM(model_name="m", provider=FakeProvider).model_name == "FakeProvider:m"
    assert LLM("m", model_name="m", provider=FakeProvider).model_name == "FakeProvider:m"
    with pytest.raises(InvalidParameter, match="'a' and 'b'"):
        LLM("a", model_name="b", provider=FakeProvider)


@pytest.mark.parametrize("model", [5, b"m", ["m"]])
def test_a_model_that_is_no_text_is_refused(model):
    with pytest.raises(InvalidParameter, match="model takes a text"):
        LLM(model)


@pytest.mark.parametrize("provider", ["openai", FakeProvider(), 5])
def test_a_provider_that_makes_none_is_refused(provider):
    with pytest.raises(
        InvalidParameter, match=r"provider takes a provider's class, or what makes one; got a \w+"
    ):
        LLM("m", provider=provider)


def test_a_repr_shows_what_is_set_but_no_setting():
    class Keyed(FakeProvider):
        def __init__(self, *, api_key):
            super().__init__()

    llm = LLM("m", provider=Keyed, api_key="sk-secret-key", temperature=0.5, seed=None)

    assert repr(llm) == "LLM('Keyed:m', temperature=0.5)"


async def test_an_llm_opens_its_provider_once_and_closes_it():
    fake = FakeProvider()
    async with LLM("m", provider=lambda: fake) as llm:
        assert fake.opened == 0
        await llm.arun("x")
        await llm.arun("x")
        assert (fake.opened, fake.closed) == (1, 0)
    assert (fake.opened, fake.closed) == (1, 1)

    await llm.aclose()
    assert fake.closed == 1


async def test_a_call_after_closing_opens_anew():
    fake = FakeProvider()
    llm = LLM("m", provider=lambda: fake)
    await llm.arun("x")
    await llm.aclose()
    await llm.arun("x")
    await llm.aclose()

    assert (fake.opened, fake.closed) == (2, 2)


async def test_an_llm_closes_its_provider_also_where_it_is_cancelled():
    closed = anyio.Event()

    class Slow(FakeProvider):
        async def aclose(self):
            await checkpoint()
            closed.set()

    with anyio.CancelScope() as scope:
        async with LLM("m", provider=Slow) as llm:
            await llm.arun("x")
            scope.cancel()
            await anyio.sleep_forever()

    assert closed.is_set()


async def test_a_provider_that_does_not_open_is_closed_and_tried_again():
    class Flaky(FakeProvider):
        async def aopen(self):
            await super().aopen()
            if self.opened == 1:
                raise asyncllm.MissingAPIKey("set EXAMPLE_API_KEY")

    flaky = Flaky()
    llm = LLM("m", provider=lambda: flaky)
    with pytest.raises(asyncllm.MissingAPIKey, match="EXAMPLE_API_KEY"):
        await llm.arun("x")

    assert (flaky.opened, flaky.closed) == (1, 1)
    assert await llm.arun("x") == "ok"


async def test_a_dropped_llm_is_not_kept_alive():
    llm = LLM("m", provider=FakeProvider, rules={"temperature": Native(within=(0, 1))})
    await llm.arun("x", temperature=2)
    async with llm.astream("x") as stream:
        async for _ in stream:
            break
    seen = weakref.ref(llm)
    del llm, stream
    gc.collect()

    assert seen() is None


async def test_a_provider_must_say_how_it_answers():
    with pytest.raises(TypeError, match=r"Mute must define complete\(\) or stream\(\)"):

        class Mute(Provider):
            def rules(self, model, params):
                return {}


async def test_a_subclass_that_overrides_one_method_is_heard_by_those_that_stand_on_it():
    class Loud(LLM):
        async def arun(self, task, **params):
            return (await super().arun(task, **params)).upper()

    assert await Loud("m", provider=FakeProvider).abatch_run(["a", "b"]) == ["OK", "OK"]


@pytest.mark.parametrize(
    "wrong",
    [{"retry": 3}, {"strict": "yes"}, {"provider": lambda: None}],
    ids=["retry", "strict", "provider"],
)
def test_what_is_not_of_its_kind_is_refused_when_an_llm_is_made(wrong):
    with pytest.raises(InvalidParameter, match=f"{next(iter(wrong))} takes a"):
        LLM("m", **{"provider": FakeProvider, **wrong})


def test_a_misspelt_attribute_names_the_nearest_and_a_subclass_has_its_own():
    with pytest.raises(UnknownParameter, match="did you mean 'temperature'"):
        LLM("m", provider=FakeProvider).temprature = 1

    tagged = Tagged("m", provider=FakeProvider)
    assert copy.copy(tagged).tag == "mine"
    assert pickle.loads(pickle.dumps(tagged)).tag == "mine"


class Tagged(LLM):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.tag = "mine"


def test_a_deleted_attribute_is_not_set():
    llm = LLM("m", provider=FakeProvider, temperature=1)

    del llm.temperature

    assert llm.temperature is None


@pytest.mark.parametrize("text", ["half \ud83d", [{"role": "user", "content": "\udc00"}]])
def test_half_a_character_is_no_task(text):
    with pytest.raises(InvalidTask, match="half of a character"):
        LLM("m", provider=FakeProvider).run(text)


def test_half_a_character_is_no_parameter():
    with pytest.raises(InvalidParameter, match="system_prompt takes a text"):
        LLM("m", provider=FakeProvider, system_prompt="\ud83d")


@pytest.mark.parametrize("content", [None, 5, ["hello"]])
def test_a_message_is_made_of_texts(content):
    with pytest.raises(InvalidTask):
        Message("user", content)
    with pytest.raises(InvalidTask):
        Text(content)
