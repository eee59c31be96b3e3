"""How calls share the model: for now, one after another."""

from __future__ import annotations

from collections.abc import Generator

from asyncllm.provider import Delta, Request

from ._job import Job
from ._model import Model
from ._sampler import Sampler
from ._sequence import Sequence


def answer(model: Model, job: Job) -> Generator[Delta]:
    """
    Answer *job*, step by step.

    Raises:
        Interrupted: The job was called off.
    """
    sequence = _sequence(model, job.request)
    context = model.context
    sampler = Sampler(
        job.request.options,
        prompt=sequence.prompt,
        window=context.size,
        vocabulary_size=model.vocabulary.size,
    )
    try:
        context.begin(job.interrupt)
        for at in range(0, len(sequence.prompt), context.batch_size):
            context.compute(sequence.prompt[at : at + context.batch_size])
        while True:
            token = sampler.sample(context.handle)
            delta = sequence.take(token)
            if delta.text or delta.finish_reason is not None:
                yield delta
            if delta.finish_reason is not None:
                return
            context.compute([token])
    finally:
        sampler.close()


def _sequence(model: Model, request: Request) -> Sequence:
    prompt = model.template.prompt(request.messages)
    return Sequence(
        model.vocabulary,
        prompt=model.vocabulary.tokens(prompt.pieces, special=prompt.special),
        room=model.context.size,
        max_tokens=request.options.get("max_tokens"),
        stops=request.options.get("stop_token", ()),
    )
