"""A call that is being answered."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from asyncllm.provider import Delta, Request, Usage

from ._context import Context
from ._grammar import Grammar
from ._job import Job
from ._model import Model
from ._program import Wish
from ._sampler import Sampler
from ._scores import Likelihood, Scores, likelihood, logprobs
from ._sequence import Sequence
from ._strand import Strand


class Call(Protocol):
    """
    What the schedule deals with: strands that have tokens to be read, and what is made of their scores.

    In each step it reads of each strand what there is room for. Where a strand has
    nothing left to read, the call hears the scores of what comes next, and adds tokens.
    """

    job: Job
    strands: list[Strand]
    """Those that are to be read; several where the call follows several continuations at a time."""
    width: int
    """How many strands there may come to be."""
    is_seeded: bool
    """Whether it is to come out the same each time."""

    def begin(self, strand: Strand) -> None:
        """Note that tokens of *strand* are about to be read."""

    def hear(self, strand: Strand, scores: Scores, context: Context) -> bool:
        """Take in the *scores* of what follows on *strand*; return whether the answer has ended."""
        ...

    def close(self) -> None:
        """Free what llama.cpp holds for it."""


class Plain:
    """
    A call whose answer grows token by token.

    Raises:
        InvalidParameter: A parameter does not go with the model.
        ContextLengthExceeded: It can never fit.
    """

    def __init__(self, model: Model, job: Job) -> None:
        self.job = job
        request = job.request
        prompt = tokens(model, request)
        self._sequence = sequence(model, request, prompt, room=model.context.size.longest)
        self._budget = _budget(request.options)
        self._ending = model.reasoning.ending
        self._forced: deque[int] = deque()
        self._sampler = _sampler(model, request, prompt)
        self._logprobs: int | None = request.options.get("logprobs")
        self.strands = [Strand(prompt)]
        self.width = 1
        self.is_seeded = "seed" in request.options
        self._queued: float | None = None
        self._is_told = False

    def begin(self, strand: Strand) -> None:
        if self._queued is None:
            self._queued = time.perf_counter() - self.job.submitted
            self._sequence.cached = strand.read

    def hear(self, strand: Strand, scores: Scores, context: Context) -> bool:
        token = self._next(scores)
        delta = self._sequence.take(token, self._likelihood(scores, token))
        has_ended = delta.finish_reason is not None
        if delta.text or delta.reasoning or has_ended:
            self.job.send(self._told(delta))
        if not has_ended:
            strand.add(token)
        return has_ended

    def close(self) -> None:
        self._sampler.close()

    def _next(self, scores: Scores) -> int:
        """Return the next token: the model's choice, or what ends its thoughts once they take too long."""
        is_thinking = self._sequence.is_thinking
        if is_thinking and self._budget is not None and self._sequence.reasoning >= self._budget:
            self._forced.extend(self._ending)
            self._ending = ()
        if self._forced:
            return self._forced.popleft()
        return self._sampler.choose(scores, is_free=is_thinking)

    def _told(self, delta: Delta) -> Delta:
        if self._is_told:
            return delta

        self._is_told = True
        return replace(delta, queued=self._queued)

    def _likelihood(self, scores: Scores, token: int) -> Likelihood | None:
        """Return how likely *token* was before any parameter had a say."""
        if self._logprobs is None:
            return None
        return likelihood(logprobs(scores), token, self._logprobs)


def count(model: Model, job: Job) -> None:
    """Answer *job* with how many tokens its prompt takes."""
    usage = Usage(input_tokens=len(tokens(model, job.request)), output_tokens=0)
    job.send(Delta(usage=usage))


def tokens(model: Model, request: Request) -> list[int]:
    """Return the prompt that *request* makes."""
    begin: int | None = request.options.get("bos_token_id")
    if begin is not None:
        model.vocabulary.check("bos_token_id", [begin])
    prompt = model.template.prompt(request.messages, _wish(request.options))
    return model.vocabulary.tokens(prompt.pieces, special=prompt.special, begin=begin)


def sequence(model: Model, request: Request, prompt: list[int], *, room: int) -> Sequence:
    """Return what makes a text of the answer to *request*, with *room* tokens for it and its *prompt*."""
    options = request.options
    ends: tuple[int, ...] = options.get("eos_token_id", ())
    model.vocabulary.check("eos_token_id", ends)
    return Sequence(
        model.vocabulary,
        prompt=prompt,
        room=room,
        max_tokens=options.get("max_tokens"),
        max_length=options.get("max_length"),
        stops=options.get("stop_token", ()),
        ends=ends,
        splitter=model.reasoning.splitter(prompt, splits=options.get("reasoning_format") != "none"),
        marks=model.reasoning.marks,
    )


def _wish(options: Mapping[str, Any]) -> Wish:
    """Return what *options* ask of the model's chat template."""
    budget, effort = _budget(options), options.get("reasoning_effort")
    asks_thoughts = True if effort is not None else None
    return Wish(
        tools=options.get("tools", ()),
        variables=options.get("chat_template_kwargs", {}),
        effort=None if effort == "none" else effort,
        thoughts=asks_thoughts if budget is None else budget > 0,
        begins_fixed="grammar" in options,
    )


def _budget(options: Mapping[str, Any]) -> int | None:
    """Return how many tokens the model may think; None is as many as it likes."""
    return 0 if options.get("reasoning_effort") == "none" else options.get("thinking_budget")


def grammar(model: Model, request: Request) -> Grammar | None:
    """Return what the answer to *request* has to fit, if anything; the caller closes it."""
    text: str | None = request.options.get("grammar")
    return None if text is None else Grammar(model.vocabulary, text)


def _sampler(model: Model, request: Request, prompt: list[int]) -> Sampler:
    options = request.options
    model.vocabulary.check("logit_bias", options.get("logit_bias", ()))
    return Sampler(
        options,
        prompt=prompt,
        grammar=grammar(model, request),
    )
