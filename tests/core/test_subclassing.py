"""A class that overrides one method of a pair gets the other, and all that stands on them."""

import copy
import inspect
import pickle
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import anyio
import anyio.lowlevel
import pytest

from asyncllm import (
    LLM,
    BaseLLM,
    Count,
    InvalidTask,
    Message,
    Metrics,
    UnknownModel,
    UnknownParameter,
    UnknownProvider,
)
from asyncllm._derive import PAIRS
from asyncllm._registry import find
from asyncllm.testing import FakeProvider

MANY = 300
"""More calls at a time than a pool of threads commonly has."""


class Spoken(BaseLLM):
    """What someone wrote by the specification: a run that needs no model."""

    def run(self, task=None, *args, **kwargs):
        return f"{task.upper()}{''.join(map(str, args))}{kwargs.get('mark', '')}"


OWN = {
    name.removeprefix("_llm")
    for name in {*dir(LLM), *vars(LLM("fake:x", provider=FakeProvider))}
    if name.startswith("_llm_")
}
"""What an LLM keeps for itself, as a class that cannot know of it may call something of its own."""


class Own(BaseLLM):
    """Sets them all, before and after."""

    def __init__(self, *args, **kwargs):
        for name in OWN:
            setattr(self, name, "mine")
        super().__init__(*args, **kwargs)
        for name in OWN:
            setattr(self, name, "mine")


class Awaited(LLM):
    async def arun(self, task, *args, **kwargs):
        await anyio.lowlevel.checkpoint()
        return f"{task.upper()}{''.join(map(str, args))}{kwargs.get('mark', '')}"


class Inner(LLM):
    """Each of these wraps what the class above does."""

    def run(self, task, **params):
        return f"inner({super().run(task, **params)})"


class Outer(LLM):
    async def arun(self, task, **params):
        return f"outer({await super().arun(task, **params)})"


class InnerAgain(Inner):
    def run(self, task, **params):
        return f"again({super().run(task, **params)})"


class OuterInner(Inner):
    async def arun(self, task, **params):
        return f"outer({await super().arun(task, **params)})"


class InnerOuter(Outer):
    def run(self, task, **params):
        return f"inner({super().run(task, **params)})"


class Third(OuterInner):
    def run(self, task, **params):
        return f"third({super().run(task, **params)})"


class Fourth(Third):
    async def arun(self, task, **params):
        return f"fourth({await super().arun(task, **params)})"


class Plain(Fourth):
    pass


class Both(Inner, Outer):
    pass


class BothTurned(Outer, Inner):
    pass


class Brackets:
    """No LLM itself."""

    def run(self, task, **params):
        return f"[{super().run(task, **params)}]"


class AwaitedBrackets:
    async def arun(self, task, **params):
        return f"<{await super().arun(task, **params)}>"


class Mixed(Brackets, LLM):
    pass


class MixedAwaited(AwaitedBrackets, Mixed):
    pass


class MixedBoth(Brackets, AwaitedBrackets, LLM):
    pass


class OverMixed(AwaitedBrackets, LLM):
    def run(self, task, **params):
        return f"over({super().run(task, **params)})"


class AwaitedMixed(AwaitedBrackets, LLM):
    pass


class BracketsAndMore(Brackets, LLM):
    async def arun(self, task, **params):
        return f"more({await super().arun(task, **params)})"


class Diamond(Mixed, BracketsAndMore):
    pass


class TurnedDiamond(AwaitedMixed, OverMixed):
    pass


CHAINS = {
    Inner: "inner(ok)",
    Outer: "outer(ok)",
    InnerAgain: "again(inner(ok))",
    OuterInner: "outer(inner(ok))",
    InnerOuter: "inner(outer(ok))",
    Third: "third(outer(inner(ok)))",
    Fourth: "fourth(third(outer(inner(ok))))",
    Plain: "fourth(third(outer(inner(ok))))",
    Both: "inner(outer(ok))",
    BothTurned: "outer(inner(ok))",
    Mixed: "[ok]",
    MixedAwaited: "<[ok]>",
    MixedBoth: "[<ok>]",
    OverMixed: "over(<ok>)",
    Diamond: "more(ok)",
    TurnedDiamond: "over(<ok>)",
}


@pytest.fixture(params=[Spoken, Awaited])
def kind(request):
    return request.param


@pytest.mark.parametrize("given", [{}, {"model_name": "my_language_model"}, {"model_name": "no:where"}])
def test_a_class_that_answers_by_itself_needs_no_model(kind, given):
    llm = kind(**given, max_tokens=50, temperature=0.7, device="cuda")

    assert llm.run("x") == "X"
    assert llm.temperature == 0.7
    assert llm("x") == "X"
    assert llm.chat("x") == "X"
    assert llm.history == [Message("user", "x"), Message("assistant", "X")]
    assert llm.batch_run(["a", "b"]) == ["A", "B"]


def test_it_keeps_the_name_that_it_was_given(kind):
    assert kind(model_name="my_language_model").model_name == "my_language_model"
    assert repr(kind(model_name="mine", seed=1)) == f"{kind.__name__}('mine', seed=1)"
    with pytest.raises(UnknownParameter, match="did you mean 'temperature'"):
        kind(model_name="mine", temprature=1)


@pytest.mark.parametrize("name", ["mine", "no:where"])
def test_what_only_a_model_could_do_says_that_there_is_none(kind, name):
    error = {"mine": UnknownModel, "no:where": UnknownProvider}[name]
    llm = kind(model_name=name)

    for ask in (llm.generate, llm.plan, lambda task: llm.stream(task).__enter__()):
        with pytest.raises(error, match="no model stands behind it: no "):
            ask("x")


def test_one_that_asks_a_model_after_all_hears_which_was_not_found():
    with pytest.raises(UnknownModel, match=r"no model stands behind it.*'mine'"):
        Inner("mine").run("x")


def test_an_llm_that_overrides_neither_still_says_so_when_it_is_made():
    class Kept(LLM):
        def helped(self):
            return 1

    with pytest.raises(UnknownModel):
        Kept("mine")


@pytest.fixture
def no_model(monkeypatch):
    """Nobody may so much as look for a model."""
    monkeypatch.setattr("asyncllm._nowhere.find", lambda *named: pytest.fail("a model was looked for"))


def test_a_model_that_nobody_named_is_nobodys(no_model, kind, tmp_path):
    llm = kind(temperature=0.5)
    llm.chat("x")

    assert llm.num_tokens("hello world") == Count(tokens=4, exact=False)
    assert llm.time_to_first_token("x") > 0
    assert (llm.model_name, repr(llm)) == ("", f"{kind.__name__}('', temperature=0.5)")
    restored = llm.load_checkpoint(llm.save_checkpoint(tmp_path))
    assert (restored.model_name, restored.refusal, restored.adjustments) == ("", None, ())
    assert pickle.loads(pickle.dumps(llm)).run("x") == "X"
    with llm.track_resource_utilization() as usage:
        assert usage.peak.gauges == {}


@pytest.mark.parametrize("name", ["mine", "no:where"])
def test_a_model_that_is_nobodys_is_measured_as_far_as_it_can_be(kind, name):
    llm = kind(model_name=name)

    assert llm._num_tokens("hello world") == 4
    assert not llm.num_tokens("hello world").exact
    assert llm.time_to_first_token("x") > 0
    llm.model_name = "another"
    assert (llm.model_name, llm.run("x")) == ("another", "X")


def test_one_that_asks_the_model_that_nobody_named_finds_it_then(monkeypatch):
    monkeypatch.setenv("ASYNCLLM_MODEL", "m")
    monkeypatch.setattr("asyncllm._nowhere.find", lambda name, provider: find(name or "m", FakeProvider))
    llm = Inner()
    assert llm.model_name == ""

    assert llm.run("x") == "inner(ok)"
    assert llm.model_name == "FakeProvider:m"
    assert Inner().generate("x").text == "ok"
    assert Inner().plan("x").model == "m"
    with Inner().stream("x") as stream:
        assert list(stream) == ["ok"]


def test_what_a_class_answers_by_itself_is_measured(kind):
    llm = kind()
    llm.run("hello")
    metrics = llm.metrics()

    assert (metrics.calls, metrics.uncounted, metrics.times.count) == (1, 1, 1)
    assert llm.get_generation_time() == metrics.generation_time > 0
    assert llm._tokens_per_second() == metrics.estimate.per_second == 2 / metrics.generation_time
    assert f"{metrics.estimate} estimated" in str(metrics)
    llm.batch_run(["a", "b"])
    llm("x")
    anyio.run(llm.arun, "x")
    assert llm.metrics().calls == 5


@pytest.mark.parametrize("made", CHAINS, ids=lambda made: made.__name__)
def test_a_call_that_reaches_the_model_counts_once(made):
    llm = made("m", provider=FakeProvider)
    llm.run("x")
    anyio.run(llm.arun, "x")

    assert (llm.metrics().calls, llm.metrics().uncounted, llm.metrics().usage.output_tokens) == (2, 0, 2)


def test_a_call_within_a_call_of_ones_own_counts_once_and_that_of_another_apart():
    other = Spoken()

    class Asking(BaseLLM):
        def run(self, task, *args, **kwargs):
            return task if len(task) > 3 else self.run(task + "!") + other.run(task)

    llm = Asking()
    llm.run("x")

    assert (llm.metrics().calls, other.metrics().calls) == (1, 3)


@pytest.mark.anyio
async def test_what_fails_or_is_cancelled_by_itself_counts_as_that():
    class Failing(BaseLLM):
        async def arun(self, task, *args, **kwargs):
            if task == "wait":
                await anyio.sleep_forever()
            raise {"bad": InvalidTask, "broken": KeyError}[task]

    llm = Failing()
    for task in ("bad", "broken"):
        with pytest.raises((InvalidTask, KeyError)):
            await llm.arun(task)
    with anyio.move_on_after(0.01):
        await llm.arun("wait")

    assert llm.metrics() == Metrics(errors=1, cancelled=1)


def test_a_coroutine_that_is_dropped_harms_nobody():
    coroutine = Awaited().arun("x")
    with pytest.raises(RuntimeError):  # There is no event loop.
        coroutine.send(None)
    coroutine.close()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda llm: pickle.loads(pickle.dumps(llm))])
def test_it_travels(kind, copied):
    llm = kind(model_name="mine", seed=3)
    llm.chat("x")
    twin = copied(llm)

    assert (twin.run("y"), twin.seed, twin.model_name, len(twin.history)) == ("Y", 3, "mine", 2)
    assert copied(kind("")).run("y") == "Y"


def test_it_works_where_no_provider_is_installed():
    code = """if True:
        import importlib.metadata
        importlib.metadata.entry_points = lambda **asked: ()
        from asyncllm import BaseLLM

        class Mine(BaseLLM):
            def run(self, task, *args, **kwargs):
                return task.upper()

        print(Mine().batch_run(["a", "b"]), Mine(model_name="x").chat("c", "before"))
    """
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.split() == ["['A',", "'B']", "BEFORE", "C"]


@pytest.mark.anyio
async def test_the_asynchronous_half_hands_everything_on():
    for kind in (Spoken, Awaited):
        assert await kind().arun("x", 1, 2, mark="!") == "X12!"
        assert kind().run("x", 1, 2, mark="!") == "X12!"
        assert await kind().abatch_run(["a"], mark="!") == ["A!"]


def test_what_no_model_takes_goes_to_a_class_of_ones_own_alone(kind):
    class Passing(LLM):
        async def arun(self, task, **params):
            return await super().arun(task, **params)

    assert kind().batch_run(["a"], mark="!") == ["A!"]
    assert kind().batch_run(["a"], 1, 2, mark="!") == ["A12!"]
    assert kind()("a", 1, mark="!") == "A1!"
    assert kind().chat("a", "", 1, mark="!") == "A1!"
    assert kind().chat("a", mark="!") == "A!"
    with pytest.raises(UnknownParameter):
        Passing("m", provider=FakeProvider).batch_run(["a"], mark="!")


@pytest.mark.parametrize("kind", CHAINS, ids=lambda kind: kind.__name__)
@pytest.mark.anyio
async def test_each_class_wraps_what_the_class_above_does(kind):
    llm, answer = kind("m", provider=FakeProvider), CHAINS[kind]

    assert await llm.arun("x") == answer
    assert llm.run("x") == answer
    assert llm("x") == answer
    assert await llm.achat("x") == answer
    assert llm.chat("x") == answer
    assert await llm.abatch_run(["x", "y"]) == [answer] * 2
    assert llm.batch_run(["x", "y"]) == [answer] * 2
    assert (await llm.agenerate("x")).text == llm.generate("x").text == "ok"


@pytest.mark.parametrize(("blocking", "source"), PAIRS.items())
@pytest.mark.anyio
async def test_each_method_of_each_pair_may_be_the_one_that_is_written(blocking, source):
    said = []

    def spoken(self, task, **params):
        said.append("spoken")
        return getattr(super(Written, self), blocking)(task, **params)

    async def awaited(self, task, **params):
        said.append("awaited")
        return await getattr(super(Written, self), source)(task, **params)

    for name, method in ((blocking, spoken), (source, awaited)):
        Written = type("Written", (LLM,), {name: method})  # noqa: N806  # a class
        llm = Written("m", provider=FakeProvider)
        task = ["x"] if "batch" in blocking else "x"
        await getattr(llm, source)(task)
        getattr(llm, blocking)(task)

    assert said == ["spoken", "spoken", "awaited", "awaited"]


def test_whatever_stands_on_an_overridden_generate_hears_of_it():
    class Bracketed(LLM):
        def generate(self, task, **params):
            return super().generate(f"[{task}]", **params)

    fake = FakeProvider(reply=lambda request: request.messages[-1].text)
    assert Bracketed("m", provider=lambda: fake).batch_run(["x"]) == ["[x]"]


def test_a_derived_method_looks_like_what_it_is():
    assert inspect.iscoroutinefunction(Spoken.arun)
    assert str(inspect.signature(Spoken.arun)) == "(self, task=None, *args, **kwargs)"
    assert (Spoken.arun.__name__, Spoken.arun.__qualname__) == ("arun", "Spoken.arun")
    assert Spoken.arun.__doc__ == "Like :meth:`run`, in a thread of its own."
    assert (Awaited.run.__name__, Awaited.run.__qualname__) == ("run", "Awaited.run")


def test_a_run_that_is_asynchronous_is_told_its_name():
    with pytest.raises(TypeError, match=r"Wrong\.run is asynchronous: call it arun"):

        class Wrong(LLM):
            async def run(self, task):
                return task


def test_an_overriding_run_may_be_written_without_calling_our_init():
    class Careless(BaseLLM):
        def __init__(self, mark):
            self.mark = mark

        def run(self, task, *args, **kwargs):
            return task + self.mark

    llm = Careless("!")
    assert llm.batch_run(["a"]) == ["a!"]
    assert llm("b") == "b!"
    assert llm.history == []


def test_all_of_it_works_in_a_class_that_never_calls_our_init(no_model, tmp_path):
    class Careless(BaseLLM):
        def __init__(self, model_name, temperature):
            self.temperature = temperature
            self.mark = "!"

        def run(self, task, *args, **kwargs):
            return task + self.mark

    def made():
        return Careless("mine", 0.5)

    llm = made()
    assert llm.metrics() == Metrics()
    assert llm.get_generation_time() == llm._tokens_per_second() == 0
    assert (llm.run("a"), llm.metrics().calls) == ("a!", 1)
    assert made().load_checkpoint(llm.save_checkpoint(tmp_path)).parameters == {"temperature": 0.5}
    assert made().track_resource_utilization().process.memory > 0
    assert made().num_tokens("hello").exact is False
    assert made().time_to_first_token("hello") > 0
    assert made().set_seed(3).parameters == {"temperature": 0.5, "seed": 3}
    assert made().toggle_creative_mode(enable=True).temperature == 1.2
    assert made().model_name == ""
    assert made().chat("b") == "b!"
    assert made().generate_summary("b").endswith("!")
    made().log_event("hello")
    made().enable_logging(tmp_path / "log").disable_logging()
    assert copy.copy(llm).run("a") == "a!"
    assert repr(llm) == "Careless('', temperature=0.5)"
    made().close()


def test_an_answer_that_is_no_text_is_not_kept():
    class Mute(BaseLLM):
        def run(self, task, *args, **kwargs):
            return None

    llm = Mute()
    with pytest.raises(TypeError, match="Mute has to answer with a text; got NoneType"):
        llm.chat("x")
    assert llm.history == []


def test_a_conversation_reaches_an_overriding_run_as_a_text_and_the_model_as_messages():
    fake, heard = FakeProvider(), []

    class Listening(LLM):
        def run(self, task, **params):
            heard.append(task)
            return super().run(task, **params)

    Listening("m", provider=lambda: fake).chat("Who?", [Message("user", "Hi."), Message("assistant", "Ho.")])

    assert heard == ["user: Hi.\n\nassistant: Ho.\n\nWho?"]
    assert [(message.role, message.text) for message in fake.requests[0].messages] == [
        ("user", "Hi."),
        ("assistant", "Ho."),
        ("user", "Who?"),
    ]


@pytest.mark.parametrize("error", [ValueError("no"), KeyError("no"), SystemExit(3), StopIteration()])
@pytest.mark.anyio
async def test_an_error_comes_out_as_it_is(error):
    class Failing(BaseLLM):
        def run(self, task, *args, **kwargs):
            raise error

    with pytest.raises((type(error), RuntimeError)) as caught:
        await Failing().arun("x")
    assert error in (caught.value, caught.value.__cause__)


@pytest.mark.anyio
async def test_overriding_runs_run_side_by_side():
    together = threading.Barrier(64, timeout=20)

    class Meeting(BaseLLM):
        def run(self, task, *args, **kwargs):
            together.wait()
            return task

    tasks = [str(number) for number in range(64)]
    assert await Meeting().abatch_run(tasks, max_concurrency=64) == tasks


@pytest.mark.anyio
async def test_overriding_runs_that_ask_each_other_never_wait_for_a_thread():
    inside = threading.Barrier(MANY, timeout=30)

    class Nested(BaseLLM):
        def run(self, task, *args, **kwargs):
            if task == "leaf":
                return "ok"
            inside.wait()
            return self.batch_run(["leaf"])[0]

    llm = Nested()
    answers = await llm.abatch_run(["root"] * MANY, max_concurrency=MANY)
    assert answers == ["ok"] * MANY


@pytest.mark.anyio
async def test_nor_do_those_that_ask_each_other_through_threads_of_their_own():
    inside = threading.Barrier(MANY, timeout=30)

    class Inner(BaseLLM):
        def run(self, task, *args, **kwargs):
            return "ok"

    inner = Inner()

    class Outer(BaseLLM):
        def run(self, task, *args, **kwargs):
            inside.wait()
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(inner.chat, task).result()

    assert await Outer().abatch_run(["x"] * MANY, max_concurrency=MANY) == ["ok"] * MANY


def test_a_subclass_may_call_its_own_attributes_what_it_likes():
    llm = Own("fake:x", provider=FakeProvider, temperature=0.5)
    assert llm.run("hello") == llm("hello") == LLM("fake:x", provider=FakeProvider).run("hello")
    llm.chat("hello")
    assert llm.set_seed(3).toggle_creative_mode(enable=True).metrics().calls == 3
    assert "seed=3" in repr(llm)
    twin = pickle.loads(pickle.dumps(copy.copy(llm)))
    assert [getattr(each, name) for each in (llm, twin) for name in OWN] == ["mine"] * 2 * len(OWN)
    assert len(twin.history) == 2


def test_what_an_llm_keeps_for_itself_is_named_so_that_no_subclass_calls_its_own_the_same():
    specified = {"_num_tokens", "_tokens_per_second", "_time_for_generation"}
    private = {
        name for name in {*dir(LLM), *vars(LLM("fake:x", provider=FakeProvider))} if re.match("_[a-z]", name)
    }
    assert {name for name in private if not name.startswith("_llm_")} == specified


@pytest.mark.anyio
async def test_a_caller_that_is_cancelled_goes_at_once_though_the_thread_goes_on():
    ended = threading.Event()

    class Slow(BaseLLM):
        def run(self, task, *args, **kwargs):
            time.sleep(0.5)
            ended.set()
            return task

    began = time.perf_counter()
    with anyio.move_on_after(0.05) as scope:
        await Slow().arun("x")

    assert scope.cancelled_caught
    assert time.perf_counter() - began < 0.4
    assert ended.wait(5)


@pytest.mark.anyio
async def test_a_caller_that_is_cancelled_cancels_what_the_run_asked_of_the_model():
    fake, ended = FakeProvider(pause=60), threading.Event()

    class Asking(LLM):
        def run(self, task, **params):
            try:
                return super().run(task, **params)
            finally:
                ended.set()

    with anyio.move_on_after(0.05):
        await Asking("m", provider=lambda: fake).arun("x")

    assert len(fake.requests) == 1
    assert fake.running == 0
    assert ended.wait(5)


@pytest.mark.anyio
async def test_what_an_overriding_run_asks_runs_in_the_loop_of_the_caller():
    fake = FakeProvider(rules={}, pause=0.001)
    threads = set()

    class Asking(LLM):
        def run(self, task, **params):
            with super().stream(task, **params) as stream:
                "".join(stream)
            return super().run(task, **params)

        async def agenerate(self, task, **params):
            threads.add(threading.get_ident())
            return await super().agenerate(task, **params)

    llm = Asking("m", provider=lambda: fake, num_return_sequences=3, seed=1)
    answers = await llm.abatch_run(["x"] * 20, max_concurrency=4)

    assert answers == ["ok"] * 20
    assert threads == {threading.get_ident()}
    assert fake.opened == 1
    assert [(tally.parameter, tally.count) for tally in answers.adjustments if tally.parameter == "seed"] == [
        ("seed", 20)
    ]


def test_a_run_that_asks_another_llm_in_it_works_anywhere():
    other = LLM("m", provider=FakeProvider)

    class Asking(BaseLLM):
        def run(self, task, *args, **kwargs):
            return other.run(task) + Spoken().batch_run([task])[0]

    assert Asking().run("x") == "okX"
    assert Asking().batch_run(["x", "y"]) == ["okX", "okY"]
