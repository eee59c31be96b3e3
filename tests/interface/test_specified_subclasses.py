"""A class that overrides ``run`` alone, as was specified, has all the rest."""

import anyio
import pytest

from asyncllm import BaseLLM, Message


class Shout(BaseLLM):
    """As somebody wrote it for the interface as it was specified."""

    def run(self, task=None, *args, **kwargs):
        return f"{task}!".upper()


class Framed(BaseLLM):
    """One that asks the model after all."""

    def run(self, task=None, *args, **kwargs):
        return f"[{super().run(task, *args, **kwargs)}]"


def test_it_needs_no_model_and_may_be_given_everything():
    llm = Shout(model_name="my_language_model", max_tokens=50, temperature=0.7, top_k=50, device="cuda")

    assert llm.model_name == "my_language_model"
    assert (llm.run("a"), llm("a"), llm.run(task="a")) == ("A!", "A!", "A!")
    assert llm.run() == "NONE!"
    assert Shout("my_language_model").set_temperature(0.1).run("a") == "A!"


def test_batches_chats_and_measures_stand_on_it():
    llm = Shout()

    assert llm.batch_run(["a", "b"]) == ["A!", "B!"]
    assert llm.chat("a", history="before") == "BEFORE\n\nA!"
    assert llm.history == [Message("user", "a"), Message("assistant", "BEFORE\n\nA!")]
    assert llm._time_for_generation("a") > 0
    assert llm.get_generation_time() > 0
    assert llm.throughput(["a", "b"]) > 0
    assert (llm.metrics().calls, llm.metrics().uncounted) == (6, 6)
    assert llm._tokens_per_second() > 0


@pytest.mark.anyio
async def test_so_do_the_asynchronous_ones_and_no_event_loop_waits():
    llm = Shout()

    assert await llm.arun("a") == "A!"
    assert await llm.abatch_run(["a", "b"]) == ["A!", "B!"]
    assert await llm.achat("a") == "A!"
    assert len(llm.history) == 2


def test_what_a_call_is_given_besides_arrives():
    class Told(BaseLLM):
        def run(self, task=None, *args, **kwargs):
            return f"{task} {args} {kwargs}"

    assert Told().run("a", 1, img="x") == "a (1,) {'img': 'x'}"
    assert Told()("a", img="x") == "a () {'img': 'x'}"
    assert anyio.run(lambda: Told().arun("a", 1, img="x")) == "a (1,) {'img': 'x'}"
    assert Told().batch_run(["a"], img="x") == ["a () {'img': 'x'}"]


def test_one_may_ask_the_model_after_all(subject):
    with subject.make(Framed, max_tokens=2, temperature=0) as llm:
        plain = llm.generate("Name a colour.").text

        assert llm.run("Name a colour.") == f"[{plain}]"
        assert llm.batch_run(["Name a colour."]) == [f"[{plain}]"]
        assert llm("Name a colour.") == llm.chat("Name a colour.") == f"[{plain}]"
        assert llm.metrics().calls == 5


def test_what_is_specified_can_be_set_on_it_and_saved(tmp_path):
    llm = Shout(temperature=0.5)
    llm.chat("a")
    path = llm.save_checkpoint(tmp_path)
    other = Shout()
    other.load_checkpoint(path)

    assert (other.temperature, len(other.history)) == (0.5, 2)
