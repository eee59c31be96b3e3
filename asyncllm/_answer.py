"""An answer as it comes: event by event, and what they add up to."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from ._types import Choice, FinishReason, Response, Timing, TokenLogprob, Usage
from .errors import IncompleteResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """
    One event of a streamed answer. Only what it brings is set.

    An answer is complete when each of its texts has had a *finish_reason*.
    """

    text: str = ""
    """The next piece of text."""
    index: int = 0
    """Which text it belongs to, where a call returns several."""
    finish_reason: FinishReason | None = None
    matched_stop: str | None = None
    """The stop token that ended the text, where the provider says which."""
    logprobs: tuple[TokenLogprob, ...] = ()
    """The tokens of this piece of text, where they were asked for."""
    reasoning: str = ""
    """The next piece of what the model thinks; it is no part of the text."""
    usage: Usage | None = None
    """The tokens so far; the last one counts."""
    model: str | None = None
    request_id: str | None = None
    queued: float | None = None
    """Seconds that the call waited before the model began with it."""


def in_one_piece(response: Response) -> Iterable[Delta]:
    """Yield the whole of *response* as events: one for each of its texts."""
    for index, choice in enumerate(response.choices):
        yield Delta(
            text=choice.text,
            index=index,
            finish_reason=choice.finish_reason,
            matched_stop=choice.matched_stop,
            logprobs=choice.logprobs,
            reasoning=choice.reasoning,
            usage=response.usage,
            model=response.model,
            request_id=response.request_id,
        )


class Answer:
    """An answer that is put together, and timed, as its events come."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._first_token: float | None = None
        self._texts: dict[int, list[str]] = {0: []}
        self._thoughts: dict[int, list[str]] = {}
        self._ends: dict[int, Delta] = {}
        self._logprobs: dict[int, list[TokenLogprob]] = {}
        self._last = Delta()

    def add(self, delta: Delta) -> None:
        """Take in the next event."""
        self._texts.setdefault(delta.index, []).append(delta.text)
        if delta.text and self._first_token is None:
            self._first_token = time.perf_counter() - self._began
        if delta.reasoning:
            self._thoughts.setdefault(delta.index, []).append(delta.reasoning)
        if delta.logprobs:
            self._logprobs.setdefault(delta.index, []).extend(delta.logprobs)
        if delta.finish_reason is not None:
            self._ends[delta.index] = delta
        self._last = Delta(
            usage=delta.usage or self._last.usage,
            model=delta.model or self._last.model,
            request_id=delta.request_id or self._last.request_id,
            queued=self._last.queued if delta.queued is None else delta.queued,
        )

    @property
    def text(self) -> str:
        """What has come of the first text."""
        return "".join(self._texts[0])

    @property
    def reasoning(self) -> str:
        """What has come of the thoughts before the first text."""
        return "".join(self._thoughts.get(0, ()))

    @property
    def is_complete(self) -> bool:
        """Whether each text has had its end."""
        return self._texts.keys() == self._ends.keys()

    @property
    def ended(self) -> int:
        """How many texts have had their end."""
        return len(self._ends)

    def so_far(self, finish_reason: FinishReason) -> Response:
        """Return what has come; texts that have not ended yet end for *finish_reason*."""
        return Response(
            choices=tuple(self._choice(index, finish_reason) for index in sorted(self._texts)),
            usage=self._last.usage,
            timing=Timing(
                total=time.perf_counter() - self._began,
                first_token=self._first_token,
                queued=self._last.queued,
            ),
            model=self._last.model or "",
            request_id=self._last.request_id,
        )

    def response(self) -> Response:
        """
        Return the whole answer.

        Raises:
            IncompleteResponse: A text has not ended: a stream that just stops
                was cut on its way, and what came of it is no answer.
        """
        if not self.is_complete:
            error = IncompleteResponse(
                "the answer ended without its closing event, so it was cut on its way",
                request_id=self._last.request_id,
            )
            error.text = self.text
            raise error

        return self.so_far("unknown")

    def _choice(self, index: int, unfinished: FinishReason) -> Choice:
        text = "".join(self._texts[index])
        end = self._ends.get(index, Delta(finish_reason=unfinished))
        return Choice(
            text=text,
            finish_reason=end.finish_reason or "unknown",
            matched_stop=end.matched_stop,
            logprobs=tuple(_within(text, self._logprobs.get(index, ()))),
            reasoning="".join(self._thoughts.get(index, ())),
        )


def _within(text: str, logprobs: Iterable[TokenLogprob]) -> Iterable[TokenLogprob]:
    """Yield the tokens of *text*, without those of a stop token that was cut off."""
    left = len(text)
    for logprob in logprobs:
        if left <= 0:
            return
        yield logprob
        left -= len(logprob.token)
