"""What a tiny model says where nothing else is computed, and each text is read from its beginning."""

from pathlib import Path

import numpy as np

from asyncllm_llamacpp._beam_options import search
from asyncllm_llamacpp._beams import Beams
from asyncllm_llamacpp._interrupt import Interrupt
from asyncllm_llamacpp._processors import processors
from asyncllm_llamacpp._scores import scores
from asyncllm_llamacpp._strand import Strand

HERE = Path(__file__).parent
TINY = HERE / "beams" / "tiny.gguf"
"""Random weights; each byte is a token, and prompts are read as they are. Its answers are noise."""
MEMORIES = [HERE / "memories" / f"{name}.gguf" for name in ("mamba", "lfm2", "gemma3")]
"""The same vocabulary, and other memories: a state, a state and attention, a sliding window."""

END = 257
NO_LETTERS = (*range(128, END), 258, 259)
"""Tokens that are no letter by themselves, and not the end either."""
LAST_BITS = 0.03
"""What a score may differ with what else is in a step; the models' scores spread by 3."""


def heard(model, tokens, start=None):
    """Yield the scores of what follows each token from *start* on, or only the last, one read at a time."""
    context, strand = model.context, Strand(tokens)
    context.memory.place(strand)
    try:
        for at in range(strand.count):
            context.batch.clear()
            context.batch.add(strand.tokens[at : at + 1], at=at, sequence=strand.sequence, is_heard=True)
            context.compute([Interrupt()])
            context.memory.advance(strand, 1)
            if at >= (strand.count - 1 if start is None else start):
                yield scores(context.handle, model.vocabulary.size).copy()
    finally:
        context.memory.free(strand)


def is_likeliest(model, task, response):
    """
    Tell whether each letter of an answer is the likeliest one.

    Or as likely but for the last bits, which differ with what else is in a step.
    """
    answer = [ord(letter) for letter in response.text]
    answer += [END] if response.finish_reason == "stop" else []
    prompt = list(task.encode())
    for token, found in zip(answer, heard(model, [*prompt, *answer[:-1]], len(prompt) - 1), strict=True):
        found[list(NO_LETTERS)] = -100
        if found[token] < found.max() - LAST_BITS:
            return False
    return bool(answer)


def searched(model, task, options, limit):
    """Return the tokens of the answers that a beam search finds; no beam is forked, each is read anew."""
    prompt = list(task.encode())
    beams = Beams(search(options, model.vocabulary, limit), processors=[*processors(options, prompt)])
    beginnings = [prompt]
    while (step := beams.advance(np.stack([next(heard(model, each)) for each in beginnings]))) is not None:
        beginnings = [
            [*beginnings[parent], token] for parent, token in zip(step.parents, step.tokens, strict=True)
        ]
    return [each.tokens for each in beams.results()]
