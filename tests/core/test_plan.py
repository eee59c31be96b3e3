"""What a call would send, without sending it."""

import logging

import pytest

from asyncllm import LLM, Count, InvalidParameter, Retry, Unavailable
from asyncllm.rules import Native, Renamed, Unsupported
from asyncllm.testing import FakeProvider

RULES = {
    "temperature": Native(within=(0, 1)),
    "max_tokens": Renamed("limit"),
    "seed": Unsupported("it cannot be seeded"),
}


@pytest.fixture
def fake():
    return FakeProvider(rules=RULES)


@pytest.fixture
def llm(fake):
    return LLM("m", provider=lambda: fake)


def test_a_plan_sends_opens_and_logs_nothing(llm, fake, caplog):
    with caplog.at_level(logging.DEBUG):
        llm.plan("hi", temperature=2, seed=3)

    assert (fake.requests, fake.opened, caplog.records) == ([], 0, [])


def test_a_plan_holds_what_would_be_sent_and_every_verdict(llm):
    plan = llm.plan("hi", temperature=2, max_tokens=5, seed=3)

    assert plan.sent[0].body == {
        "messages": [{"role": "user", "content": "hi"}], "temperature": 1, "limit": 5,
    }  # fmt: skip
    assert [(each.parameter, each.verdict) for each in plan.verdicts] == [
        ("temperature", "clamped"), ("max_tokens", "renamed"), ("seed", "dropped"),
    ]  # fmt: skip
    assert plan.adjustments == (plan.verdicts[0], plan.verdicts[2])


def test_what_a_plan_says_is_what_the_response_says(llm):
    assert (
        llm.plan("hi", temperature=2, seed=3).adjustments
        == llm.generate("hi", temperature=2, seed=3).adjustments
    )


def test_a_printed_plan_can_be_read(llm):
    assert (
        str(llm.plan("hi", temperature=2, max_tokens=5, seed=3))
        == """\
FakeProvider:m  ->  m
{
  "messages": [
    {
      "role": "user",
      "content": "hi"
    }
  ],
  "temperature": 1,
  "limit": 5
}

clamped       temperature  2 -> 1   accepts 0 to 1
renamed       max_tokens   5   as limit
dropped       seed         3   it cannot be seeded"""
    )


def test_a_plan_says_what_would_be_refused_instead_of_raising(fake):
    plan = LLM("m", provider=lambda: fake, strict=True).plan("hi", seed=3)

    assert "dropped seed" in str(plan.refusal)
    assert str(plan).endswith("dropped seed (3): it cannot be seeded")


def test_a_plan_of_several_answers_says_how_often_it_would_ask(llm):
    plan = LLM("m", provider=FakeProvider).plan("hi", num_return_sequences=3, seed=7)

    assert len(plan.sent) == 3
    assert "FakeProvider:m  ->  m, 3 times" in str(plan)
    assert 'and with {"seed": 8}\nand with {"seed": 9}\n' in str(plan)


def test_a_plan_shows_the_stream_by_which_stop_tokens_are_found():
    plan = LLM("openai:gpt-5.2", stop_token="###").plan("hi")

    assert plan.sent[0].body["stream"] is True


def test_a_plan_estimates_the_prompt_of_max_length(llm):
    (said,) = llm.plan("hi", max_length=100).adjustments

    assert said.verdict == "emulated"
    assert "estimated" in said.reason


class Counting(FakeProvider):
    def __init__(self, **settings):
        super().__init__(rules=RULES, **settings)
        self.failures = 1

    async def count_tokens(self, request):
        if self.failures:
            self.failures -= 1
            raise Unavailable("for a moment")
        return Count(tokens=len(request.messages[-1].text), exact=True)


@pytest.mark.anyio
async def test_a_call_with_max_length_counts_its_prompt_and_tries_that_again_too(caplog):
    fake = Counting()
    llm = LLM("m", provider=lambda: fake, retry=Retry(wait_initial=0))
    response = await llm.agenerate("x" * 30, max_length=100)

    assert fake.requests[0].options == {"limit": 70}
    (line,) = [record.message for record in caplog.records if "max_length" in record.message]
    assert line.endswith("reason='what the prompt leaves of it is max_tokens; the prompt is counted'")
    assert str(response.adjustments[0]) == (
        "emulated max_length (100 -> {'max_tokens': 70}): what the prompt leaves of it "
        "is max_tokens; the prompt is counted"
    )


@pytest.mark.anyio
async def test_a_prompt_that_fills_max_length_is_never_sent():
    fake = Counting()
    fake.failures = 0

    with pytest.raises(InvalidParameter, match="leaves no room"):
        await LLM("m", provider=lambda: fake).arun("x" * 100, max_length=100)
    async with LLM("m", provider=lambda: fake) as llm:
        with pytest.raises(InvalidParameter, match="leaves no room"):
            async with llm.astream("x" * 100, max_length=100):
                pass
    assert fake.requests == []
