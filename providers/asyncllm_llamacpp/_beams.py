"""
Beam search as Hugging Face's ``generate`` has it.

What is computed by whom is none of its business: it is given what the model makes of each
beam, and says which beams go on, with which tokens. It differs from ``generate`` where that
returns what is no answer: a beam that nothing can follow ends, so that fewer may go on, and
in the end fewer may be returned, than were asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asyncllm.provider import FinishReason

from ._draws import Draws
from ._hypotheses import Hypotheses, Hypothesis, Search, Tokens
from ._processors import Processor
from ._scores import Fitting, Likelihood, Scores, best, likelihood, logprobs


@dataclass(frozen=True, slots=True)
class Step:
    """How the search goes on: a parent and a token for each beam that does, the best first."""

    parents: list[int]
    """Which of the former beams each continues."""
    tokens: Tokens
    """What each is continued with; the model computes these next."""


@dataclass(frozen=True, slots=True)
class _Beam:
    tokens: Tokens
    score: float
    likelihoods: tuple[Likelihood, ...] = ()


class Beams:
    """
    One search.

    Args:
        search: What is looked for.

        processors: Change the log probabilities, each what the one before left.

        draws: Draws the continuations; without it, the likeliest are taken.
    """

    def __init__(
        self, search: Search, *, processors: Sequence[Processor] = (), draws: Draws | None = None
    ) -> None:
        assert 1 <= search.returned <= search.beams
        assert search.max_tokens >= 1
        self._search = search
        self._processors = processors
        self._draws = draws
        self._running = [_Beam([], 0.0)]
        self._finished = Hypotheses(search)
        # Enough for all beams to go on even where each could end in every way.
        self._width = max(2, 1 + len(search.ends)) * search.beams

    def advance(self, logits: Scores, fitting: Fitting | None = None) -> Step | None:
        """
        Continue the beams; return how, or None where the search is over.

        Args:
            logits:
                A row for each beam, in the order of the last step: what the model makes of every token
                as its next one. The first time there is one row, the prompt's. It is not changed.

            fitting: Which tokens may follow on each; None is all.
        """
        assert self._running, "the search is over"
        assert len(logits) == len(self._running)
        likely = self._likely(logits, fitting)
        before = np.array([beam.score for beam in self._running], np.float32)
        flat = (likely + before[:, None]).ravel()
        found: list[int] = self._continuations(flat).tolist()
        going: list[tuple[int, _Beam]] = []
        for rank, place in enumerate(found):
            parent, token = divmod(place, logits.shape[1])
            beam = self._continued(self._running[parent], token, float(flat[place]), likely[parent])
            reason = self._end(beam.tokens)
            if reason is None:
                going.append((parent, beam))
            elif rank < self._search.beams:
                self._finished.add(beam.tokens, beam.score, reason, beam.likelihoods)
        # Draws come in any order; what goes on is ranked.
        going.sort(key=lambda each: -each[1].score)
        del going[self._search.beams :]
        self._running = [beam for _, beam in going]
        first = self._running[0] if self._running else None
        if first is None or self._finished.are_final(first.score, len(first.tokens)):
            self._running = []
            return None

        return Step([parent for parent, _ in going], [beam.tokens[-1] for beam in self._running])

    def results(self) -> list[Hypothesis]:
        """Return the answers found, the best first."""
        return self._finished.best

    def _likely(self, logits: Scores, fitting: Fitting | None) -> Scores:
        """Return the log probability of each token that may follow on each beam."""
        likely = logprobs(logits)
        if fitting is not None:
            likely[~fitting] = -np.inf
        for row, beam in zip(likely, self._running, strict=True):
            for process in self._processors:
                process(row, beam.tokens)
            if self._draws is not None:
                self._draws.narrow(row, least=max(2, 1 + len(self._search.ends)))
        return likely

    def _continued(self, beam: _Beam, token: int, score: float, likely: Scores) -> _Beam:
        tokens = [*beam.tokens, token]
        if self._search.logprobs is None:
            return _Beam(tokens, score)
        return _Beam(tokens, score, (*beam.likelihoods, likelihood(likely, token, self._search.logprobs)))

    def _continuations(self, scores: Scores) -> NDArray[np.intp]:
        """Return the places in *scores* of the continuations to look at."""
        found = best(scores if self._draws is None else self._draws.perturbed(scores), self._width)
        return found[scores[found] > -np.inf]

    def _end(self, tokens: Tokens) -> FinishReason | None:
        """Return why an answer of *tokens* ends here, or None where it goes on."""
        if tokens[-1] in self._search.ends:
            return "stop"
        if self._search.stops is not None and self._search.stops(tokens):
            return "stop_sequence"
        return "length" if len(tokens) == self._search.max_tokens else None
