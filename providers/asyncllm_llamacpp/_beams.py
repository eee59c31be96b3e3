"""
Beam search as Hugging Face's ``generate`` has it.

What is computed by whom is none of its business: it is given what the model makes of each
beam, and says which beams go on, with which tokens. It differs from ``generate`` where that
returns what is no answer: a beam that nothing can follow ends, so that fewer may go on, and
in the end fewer may be returned, than were asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from asyncllm.provider import FinishReason

from ._draws import Draws
from ._scores import Scores

Tokens: TypeAlias = list[int]
EarlyStopping: TypeAlias = bool | Literal["never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for."""

    beams: int
    """How many beams go on at a time."""
    returned: int = 1
    """How many answers there are to be; at most as many as beams."""
    max_tokens: int
    """How many tokens an answer may take."""
    ends: frozenset[int] = frozenset()
    """Tokens that end an answer. How many there are has a say in how many continuations are looked at."""
    length_penalty: float = 1.0
    """The power of an answer's length by which its score is divided: above 0 prefers long answers."""
    early_stopping: EarlyStopping = False
    """
    When to stop, with as many answers as beams: at once (True), when none that goes on is better so far
    (False), or when none can become better (``"never"``).
    """
    repetition_penalty: float = 1.0
    """What the log probabilities of tokens that came before, the prompt's too, are multiplied by."""
    stops: Callable[[Sequence[int]], bool] | None = None
    """Whether an answer ends with its last token, for another reason than that token by itself."""


@dataclass(frozen=True, slots=True)
class Step:
    """How the search goes on: a parent and a token for each beam that does, the best first."""

    parents: list[int]
    """Which of the former beams each continues."""
    tokens: Tokens
    """What each is continued with; the model computes these next."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """An answer, with the token that ends it."""

    tokens: Tokens
    score: float
    """Its log probability, divided by its length to the power of the length penalty."""
    reason: FinishReason


@dataclass(frozen=True, slots=True)
class _Beam:
    tokens: Tokens
    score: float


class Beams:
    """
    One search.

    Args:
        search: What is looked for.

        prompt: The tokens that the answers continue.

        draws: Draws the continuations; without it, the likeliest are taken.
    """

    def __init__(self, search: Search, *, prompt: Sequence[int], draws: Draws | None = None) -> None:
        assert 1 <= search.returned <= search.beams
        assert search.max_tokens >= 1
        self._search = search
        self._prompt = np.unique(np.asarray(prompt, np.intp))
        self._draws = draws
        self._running = [_Beam([], 0.0)]
        self._finished: list[Hypothesis] = []
        # Enough for all beams to go on even where each could end in every way.
        self._width = max(2, 1 + len(search.ends)) * search.beams

    def advance(self, logits: Scores) -> Step | None:
        """
        Continue the beams; return how, or None where the search is over.

        Args:
            logits:
                A row for each beam, in the order of the last step: what the model makes of every token
                as its next one. The first time there is one row, the prompt's. It is not changed.
        """
        assert self._running, "the search is over"
        assert len(logits) == len(self._running)
        scores = self._scores(logits)
        flat = scores.ravel()
        found: list[int] = self._continuations(flat).tolist()
        going: list[tuple[int, _Beam]] = []
        for rank, place in enumerate(found):
            parent, token = divmod(place, logits.shape[1])
            beam = _Beam([*self._running[parent].tokens, token], float(flat[place]))
            reason = self._end(beam.tokens)
            if reason is None:
                going.append((parent, beam))
            elif rank < self._search.beams:
                self._finish(beam, reason)
        # Draws come in any order; what goes on is ranked.
        going.sort(key=lambda each: -each[1].score)
        del going[self._search.beams :]
        self._running = [beam for _, beam in going]
        if self._is_over():
            self._running = []
            return None

        return Step([parent for parent, _ in going], [beam.tokens[-1] for beam in self._running])

    def results(self) -> list[Hypothesis]:
        """Return the answers found, the best first."""
        return self._finished[: self._search.returned]

    def _scores(self, logits: Scores) -> Scores:
        """Return the log probability of each beam with each token added."""
        scores: Scores = logits - logits.max(axis=1, keepdims=True)
        scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
        for row, beam in zip(scores, self._running, strict=True):
            if self._search.repetition_penalty != 1:
                seen = np.concatenate((self._prompt, np.array(beam.tokens, np.intp)))
                # What was seen twice is multiplied once; no log probability is above 0, to be divided.
                row[seen] *= np.float32(self._search.repetition_penalty)
            if self._draws is not None:
                self._draws.narrow(row, least=max(2, 1 + len(self._search.ends)))
        scores += np.array([beam.score for beam in self._running], np.float32)[:, None]
        return scores

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

    def _finish(self, beam: _Beam, reason: FinishReason) -> None:
        self._finished.append(Hypothesis(beam.tokens, self._penalized(beam.score, len(beam.tokens)), reason))
        self._finished.sort(key=lambda each: -each.score)
        del self._finished[self._search.beams :]

    def _is_over(self) -> bool:
        if not self._running:
            return True
        if len(self._finished) < self._search.beams:
            return False
        if self._search.early_stopping is True:
            return True

        first = self._running[0]
        hoped = self._search.early_stopping == "never" and self._search.length_penalty > 0
        length = self._search.max_tokens if hoped else len(first.tokens)
        return self._penalized(first.score, length) <= self._finished[-1].score

    def _penalized(self, score: float, length: int) -> float:
        return score / math.pow(length, self._search.length_penalty)


_BLOCK = 64


def best(values: Scores, count: int) -> NDArray[np.intp]:
    """Return where the *count* largest of *values* are, the largest first; of equal ones, the first."""
    blocks = len(values) // _BLOCK
    if blocks <= count:
        return np.argsort(-values, kind="stable")[:count]

    # What is among the largest is in one of the blocks with the largest peaks, or in what is left over.
    whole = values[: blocks * _BLOCK].reshape(blocks, _BLOCK)
    peaks = np.sort(np.argsort(-whole.max(axis=1), kind="stable")[:count])
    inside = (peaks[:, None] * _BLOCK + np.arange(_BLOCK)).ravel()
    places = np.concatenate((inside, np.arange(blocks * _BLOCK, len(values))))
    return places[np.argsort(-values[places], kind="stable")[:count]]
