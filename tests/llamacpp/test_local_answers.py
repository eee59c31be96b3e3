"""What a model in this process answers."""

import pytest

from asyncllm import LLM, ContextLengthExceeded, RequestRejected
from asyncllm_llamacpp._sequence import Sequence

pytestmark = pytest.mark.anyio

STORY = "Tell me a story."

ELSEWHERE = """
from asyncllm import LLM
llm = LLM("llamacpp:smollm2-135m-instruct", threads=1, context_size=512, batch_size=48)
print(repr(llm.run("Tell me a story.", seed=7, max_tokens=8, system_prompt="-")))
llm.close()
"""


async def test_the_same_seed_gives_the_same_text_whatever_ran_before(llm):
    first = await llm.arun(STORY, seed=7)
    await llm.arun("Something else, and longer than the other prompt was.", seed=8)

    assert first == await llm.arun(STORY, seed=7)


async def test_the_same_seed_gives_the_same_text_in_a_fresh_process(llm, in_fresh_process):
    here = await llm.arun(STORY, seed=7)

    assert repr(here) == in_fresh_process(ELSEWHERE).strip()


async def test_other_seeds_give_other_texts(llm):
    texts = {await llm.arun(STORY, seed=seed, max_tokens=5) for seed in range(4)}

    assert len(texts) == 4


async def test_no_seed_is_another_seed_each_time(llm):
    texts = {await llm.arun(STORY, max_tokens=8) for _ in range(4)}

    assert len(texts) > 1  # Two may be alike by chance; the same seed would make all four alike.


async def test_a_seed_beyond_32_bits_is_folded_and_reported(llm):
    response = await llm.agenerate(STORY, seed=2**32 + 6, max_tokens=4)
    (adjustment,) = response.adjustments

    assert (adjustment.parameter, adjustment.verdict, adjustment.sent) == ("seed", "translated", 7)
    assert response.text == await llm.arun(STORY, seed=7, max_tokens=4)


async def test_a_folded_seed_is_never_the_one_that_means_any(llm):
    response = await llm.agenerate(STORY, seed=2**32 - 1, max_tokens=4)

    assert response.adjustments[0].sent == 0


async def test_temperature_0_takes_the_likeliest_token_whatever_the_seed(llm):
    texts = {await llm.arun(STORY, temperature=0, seed=seed) for seed in range(3)}

    assert texts == {await llm.arun(STORY, temperature=1, top_k=1)}


async def test_max_tokens_end_the_answer(llm):
    response = await llm.agenerate(STORY, max_tokens=5)

    assert response.finish_reason == "length"
    assert response.usage.output_tokens == 5


async def test_the_model_ends_its_answer_and_its_marks_are_no_text(llm):
    response = await llm.agenerate("What is 2+2?", temperature=0, max_tokens=60)

    assert response.finish_reason == "stop"
    assert response.text
    assert "<|im_end|>" not in response.text


async def test_an_answer_ends_where_the_context_is_full(make_llm):
    llm = make_llm(context_size=48, max_tokens=None)
    response = await llm.agenerate(STORY, temperature=0)
    await llm.aclose()

    assert response.finish_reason == "context_length"
    assert response.usage.total_tokens == 48


async def test_a_prompt_that_leaves_no_room_is_refused_with_the_figures(llm, engine):
    before = engine.steps
    with pytest.raises(ContextLengthExceeded, match=r"the prompt takes \d{4} tokens.*512.*context_size"):
        await llm.arun("one two three " * 400)

    assert before == engine.steps
    assert (await llm.agenerate("hi", max_tokens=1)).usage.output_tokens == 1


async def test_a_prompt_longer_than_a_batch_is_read_in_parts(llm, engine, anyio_backend):
    before = engine.steps
    response = await llm.agenerate(f"{anyio_backend} one two three " * 50, max_tokens=1)
    read = response.usage.input_tokens - response.usage.cached_tokens

    assert read > 3 * 48
    assert engine.steps - before == -(-read // 48)


async def test_the_answer_ends_before_a_stop_token_that_is_then_named(llm):
    whole = await llm.arun(STORY, temperature=0)
    stop = whole[9:12]
    response = await llm.agenerate(STORY, temperature=0, stop_token=["never there", stop])

    assert response.text == whole[: whole.index(stop)]
    assert ("stop_sequence", stop) == (response.finish_reason, response.matched_stop)
    assert response.adjustments == ()


async def test_a_stop_token_may_reach_over_several_tokens(llm):
    async with llm.astream(STORY, temperature=0) as stream:
        pieces = [piece async for piece in stream]
    stop = pieces[2][-1] + pieces[3] + pieces[4][0]
    response = await llm.agenerate(STORY, temperature=0, stop_token=stop)

    assert response.text == "".join(pieces)[: "".join(pieces).index(stop)]
    assert stop == response.matched_stop


async def test_a_half_stop_token_at_the_end_is_text(llm):
    whole = await llm.arun(STORY, temperature=0)
    response = await llm.agenerate(STORY, temperature=0, stop_token=whole[-3:] + "☃")

    assert (whole, "length") == (response.text, response.finish_reason)


async def test_the_pieces_of_a_stream_make_the_whole_answer(llm):
    async with llm.astream(STORY, seed=3) as stream:
        pieces = [piece async for piece in stream]

    assert len(pieces) > 5
    assert "".join(pieces) == stream.response.text == await llm.arun(STORY, seed=3)
    assert stream.response.usage.output_tokens == 8
    assert 0 < stream.response.timing.first_token < stream.response.timing.total


async def test_a_system_prompt_is_part_of_the_prompt(llm):
    told = await llm.agenerate("Who are you?", system_prompt="You are a pirate called Jack.", temperature=0)

    assert told.text != await llm.arun("Who are you?", temperature=0)
    assert told.adjustments == ()


async def test_what_the_engine_lacks_is_reported(llm):
    response = await llm.agenerate("hi", reasoning_effort="high", max_tokens=1)

    assert [adjustment.parameter for adjustment in response.adjustments] == ["reasoning_effort"]


def sequence(model, **given):
    wanted = {"prompt": [1, 2, 3], "room": 512, "max_tokens": None, "stops": (), **given}
    return Sequence(model.vocabulary, **wanted)


async def test_nothing_to_continue_never_reaches_llama_cpp(model):
    with pytest.raises(RequestRejected, match="the prompt is empty"):
        sequence(model, prompt=[])


async def test_letters_that_are_split_over_tokens_come_whole(model):
    text = "🦜 naïve — 漢字 🏴‍☠️ 👩🏽‍🚀"
    tokens = model.vocabulary.tokens([text], special=False)
    answer = sequence(model)
    pieces = [answer.take(token).text for token in tokens]

    assert len(tokens) > len(text)
    assert text == "".join(pieces)
    assert all(not piece or piece in text for piece in pieces)


async def test_a_letter_that_the_end_cuts_shows_as_missing(model):
    tokens = model.vocabulary.tokens(["🦜"], special=False)
    answer = sequence(model, max_tokens=len(tokens) - 1)
    *_, last = [answer.take(token) for token in tokens[:-1]]

    assert (last.text, last.finish_reason) == ("\N{REPLACEMENT CHARACTER}", "length")


async def test_the_tighter_of_two_limits_is_named(model):
    (token,) = model.vocabulary.tokens(["a"], special=False)

    assert sequence(model, room=4, max_tokens=1).take(token).finish_reason == "length"
    assert sequence(model, room=4, max_tokens=2).take(token).finish_reason == "context_length"


async def test_usage_is_exact(llm, model):
    response = await llm.agenerate(STORY, max_tokens=3)
    prompt = f"<|im_start|>system\n-<|im_end|>\n<|im_start|>user\n{STORY}<|im_end|>\n<|im_start|>assistant\n"

    assert response.usage.input_tokens == len(model.vocabulary.tokens([prompt], special=True))
    assert response.usage.output_tokens == 3
    assert 0 <= response.usage.cached_tokens < response.usage.input_tokens


def test_blocking_code_asks_just_the_same():
    with LLM("llamacpp:smollm2-135m-instruct", threads=1, context_size=512, batch_size=48) as llm:
        text = llm.run(STORY, seed=7, max_tokens=8)
        with llm.stream(STORY, seed=7, max_tokens=8) as stream:
            assert text == "".join(stream)
