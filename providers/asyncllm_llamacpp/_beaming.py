"""A call that is answered by a beam search."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import chain, repeat

import numpy as np

from asyncllm.errors import ContextLengthExceeded, InvalidParameter
from asyncllm.provider import Delta, Usage

from ._beam_grammars import Grammars
from ._beam_options import draws, search
from ._beams import Beams, Step
from ._call import grammar, sequence, tokens
from ._context import Context
from ._forks import carried
from ._grammar import nothing_fits
from ._hypotheses import Hypothesis
from ._job import Job
from ._model import Model
from ._processors import processors
from ._scores import Scores
from ._strand import Strand
from ._turn import WORTH_WAITING


class Beaming:
    """
    A call that follows several continuations, and is answered at once, with the best of them.

    Raises:
        InvalidParameter: A parameter does not go with the model, or there are too many beams.
        ContextLengthExceeded: It can never fit.
    """

    def __init__(self, model: Model, job: Job) -> None:
        self.job = job
        options = job.request.options
        self._model = model
        self._prompt = tokens(model, job.request)
        self.width: int = options["num_beams"]
        _check_width(self.width, model.context)
        model.vocabulary.check("logit_bias", options.get("logit_bias", ()))
        limits = sequence(
            model, job.request, self._prompt, room=_room(len(self._prompt), self.width, model.context)
        )
        self._at_limit = limits.at_limit
        self._beams = Beams(
            search(options, model.vocabulary, limits.limit),
            processors=[*processors(options, self._prompt)],
            draws=draws(options),
        )
        self.strands = [Strand(self._prompt)]
        self.is_seeded = "seed" in options
        self._rows: dict[Strand, Scores] = {}
        """What follows on each, until all are heard."""
        self._queued: float | None = None
        self._cached = 0
        held = grammar(model, job.request)
        self._grammars = None if held is None else Grammars(held)

    def begin(self, strand: Strand) -> None:
        self._rows.pop(strand, None)  # It gave way, and is heard once more.
        if self._queued is None:
            self._queued = time.perf_counter() - self.job.submitted
            self._cached = strand.read

    def hear(self, strand: Strand, scores: Scores, context: Context) -> bool:
        self._rows[strand] = scores.copy()
        if any(each.unread or each not in self._rows for each in self.strands):
            return False

        step = self._advance(np.stack([self._rows[each] for each in self.strands]))
        self._rows.clear()
        memory = context.memory
        if step is None:
            for each in self.strands[1:]:  # One is kept: a chat goes on from there, or at least its prompt.
                memory.free(each)
            self._answer()
            return True

        self.strands = carried(step.parents, self.strands, fork=memory.fork, forget=memory.free)
        for each, token in zip(self.strands, step.tokens, strict=True):
            each.add(token)
        return False

    def close(self) -> None:
        if self._grammars is not None:
            self._grammars.close()

    def _advance(self, logits: Scores) -> Step | None:
        if self._grammars is None:
            return self._beams.advance(logits)

        step = self._beams.advance(logits, self._grammars.fitting(logits))
        if step is not None:
            self._grammars.follow(step)
        return step

    def _answer(self) -> None:
        found = self._beams.results()
        if not found:
            raise nothing_fits()
        usage = Usage(
            input_tokens=len(self._prompt),
            output_tokens=sum(len(each.tokens) for each in found),
            cached_tokens=self._cached,
        )
        for index, each in enumerate(found):
            self.job.send(replace(self._told(each), index=index, usage=usage, queued=self._queued))

    def _told(self, found: Hypothesis) -> Delta:
        """Return *found* as text and thoughts: with letters put together, and cut before its stop token."""
        asked = {**self.job.request.options, "max_tokens": len(found.tokens)}
        request = replace(self.job.request, options=asked)
        room = self._model.context.size.longest
        told = sequence(self._model, request, self._prompt, room=room)
        deltas = list(map(told.take, found.tokens, found.likelihoods or repeat(None)))
        reason = deltas[-1].finish_reason
        return replace(
            deltas[-1],
            text="".join(delta.text for delta in deltas),
            logprobs=tuple(chain.from_iterable(delta.logprobs for delta in deltas)),
            reasoning="".join(delta.reasoning for delta in deltas),
            finish_reason=self._at_limit if reason == "length" else reason,
        )


def _check_width(beams: int, context: Context) -> None:
    """Raise InvalidParameter where *context* cannot compute so many *beams* at a time."""
    if beams > context.size.running:
        raise InvalidParameter(
            f"num_beams={beams}: the model computes {context.size.running} continuations at a time; ask for "
            f"fewer, or open it with max_sequences={beams} or more"
        )


def _room(prompt: int, beams: int, context: Context) -> int:
    """Return how many tokens prompt and answer may take, so that all *beams* that go on from it fit."""
    size = context.size
    # Where beams gave way and are read again, each may read some tokens that another is reading.
    common = max(0, prompt - WORTH_WAITING) if context.memory.can_cut else 0
    room = common + (size.cells - common) // beams
    if prompt < size.longest and room <= prompt:
        raise ContextLengthExceeded(
            f"the prompt takes {prompt} tokens, and with its answers it has to fit into {size.cells}, which "
            f"leaves no room for num_beams={beams}; ask for fewer, shorten the prompt, or open the model "
            f"with a larger total_context=…"
        )
    return min(size.longest, room)
