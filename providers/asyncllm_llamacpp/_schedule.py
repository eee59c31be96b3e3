"""How calls share the model: for now, one after another."""

from __future__ import annotations

from collections.abc import Generator

from asyncllm.provider import Delta, Request, Usage

from ._grammar import Grammar
from ._job import Job
from ._model import Model
from ._sampler import Sampler
from ._scores import Likelihood, likelihood, scores
from ._sequence import Sequence


def answer(model: Model, job: Job) -> Generator[Delta]:
    """
    Answer *job*, step by step.

    Raises:
        Interrupted: The job was called off.
        InvalidParameter: A parameter does not go with the model.
    """
    prompt = _prompt(model, job.request)
    if job.only_count:
        yield Delta(usage=Usage(input_tokens=len(prompt), output_tokens=0))
        return

    sequence = _sequence(model, job.request, prompt)
    sampler = _sampler(model, job.request, prompt)
    context = model.context
    try:
        context.begin(job.interrupt)
        for at in range(0, len(prompt), context.batch_size):
            context.compute(prompt[at : at + context.batch_size])
        while True:
            token = sampler.sample(context.handle)
            delta = sequence.take(token, _likelihood(model, job.request, token))
            if delta.text or delta.finish_reason is not None:
                yield delta
            if delta.finish_reason is not None:
                return
            context.compute([token])
    finally:
        sampler.close()


def _prompt(model: Model, request: Request) -> list[int]:
    begin: int | None = request.options.get("bos_token_id")
    if begin is not None:
        model.vocabulary.check("bos_token_id", [begin])
    prompt = model.template.prompt(request.messages)
    return model.vocabulary.tokens(prompt.pieces, special=prompt.special, begin=begin)


def _sequence(model: Model, request: Request, prompt: list[int]) -> Sequence:
    options = request.options
    ends: tuple[int, ...] = options.get("eos_token_id", ())
    model.vocabulary.check("eos_token_id", ends)
    return Sequence(
        model.vocabulary,
        prompt=prompt,
        room=model.context.size,
        max_tokens=options.get("max_tokens"),
        max_length=options.get("max_length"),
        stops=options.get("stop_token", ()),
        ends=ends,
    )


def _sampler(model: Model, request: Request, prompt: list[int]) -> Sampler:
    options = request.options
    model.vocabulary.check("logit_bias", options.get("logit_bias", ()))
    text: str | None = options.get("grammar")
    return Sampler(
        options,
        prompt=prompt,
        window=model.context.size,
        vocabulary_size=model.vocabulary.size,
        grammar=None if text is None else Grammar(model.vocabulary.handle, text),
    )


def _likelihood(model: Model, request: Request, token: int) -> Likelihood | None:
    count: int | None = request.options.get("logprobs")
    if count is None:
        return None

    return likelihood(scores(model.context.handle, model.vocabulary.size), token, count)
