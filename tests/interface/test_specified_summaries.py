"""A text of any length becomes a short one."""

import pytest

from asyncllm import BaseLLM, InvalidParameter, InvalidTask

TEXT = "The tower was built in 1889. It is made of iron. It stands in Paris, and many people go to see it."
CHAPTERS = 4
LONG = "\n\n".join(f"Chapter {number}. {TEXT}" for number in range(CHAPTERS))


def test_generate_summary_hands_the_text_to_the_model_in_one_call(subject):
    with subject.make(max_tokens=4, temperature=0) as llm:
        text = llm.generate_summary(TEXT)

        assert llm.metrics().calls == 1
    assert type(text) is str
    assert text.strip()
    if not subject.is_local:
        assert TEXT in str(subject.bodies[0]["messages"])


VENDORS = pytest.mark.parametrize("subject", ["openai", "anthropic"], indirect=True)


def test_a_model_in_this_process_reads_what_is_longer_than_its_context(local):
    with local.make(max_tokens=4, temperature=0) as llm:
        assert llm.generate_summary(LONG, context_size=256).strip()
        assert llm.metrics().calls > 2


@VENDORS
@pytest.mark.anyio
async def test_agenerate_summary_splits_what_is_longer_than_the_context_and_merges(subject):
    async with subject.make(max_tokens=4, temperature=0) as llm:
        text = await llm.agenerate_summary(LONG, context_size=256)

        assert llm.metrics().calls > 2
    assert text.strip()
    asked = [str(body["messages"]) for body in subject.bodies]
    assert all(any(f"Chapter {number}." in each for each in asked) for number in range(CHAPTERS))
    assert not any("Chapter 0." in each and "Chapter 3." in each for each in asked[:2])


@VENDORS
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"style": "bullets"}, "begins with '- '"),
        ({"max_words": 37}, "37"),
        ({"instructions": "In Latin."}, "In Latin."),
    ],
)
def test_style_length_and_instructions_are_told_to_the_model(subject, given, said):
    with subject.make(max_tokens=2) as llm:
        llm.generate_summary(TEXT, **given)

    assert said in subject.bodies[0]["messages"][0]["content"]


def test_a_class_that_overrides_run_summarises_too():
    class Short(BaseLLM):
        def run(self, task=None, *args, **kwargs):
            assert TEXT in task
            return "A tower."

    assert Short().generate_summary(TEXT) == "A tower."


@pytest.mark.parametrize("text", ["", "  ", None, 5])
def test_what_is_no_text_is_refused_before_anything_is_sent(subject, text):
    with pytest.raises(InvalidTask):
        subject.make().generate_summary(text)
    with pytest.raises(InvalidParameter):
        subject.make().generate_summary(TEXT, max_words=0)

    assert subject.bodies == []
