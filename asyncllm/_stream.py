"""The pieces of an answer, as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Self

from ._stops import StopMatcher
from ._types import FinishReason, Response
from .provider import Answer, Delta


class Stream(AsyncIterator[str]):
    """
    The pieces of an answer as they come: ``async for piece in stream``.

    An answer counts only once its closing event has come; one that is cut on
    its way raises :class:`~asyncllm.IncompleteResponse`, which holds what came.
    """

    def __init__(
        self,
        deltas: AsyncIterator[Delta],
        *,
        stops: Iterable[str],
        guard: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._deltas = deltas
        self._matcher = StopMatcher(stops)
        self._guard = guard
        self._answer = Answer()
        self._waiting: list[Delta | None] = []
        self._unfinished: FinishReason = "unknown"
        self._response: Response | None = None
        self.finish: Callable[[Response], Response] = _as_it_is
        """What the caller of this room adds to a response: its times, what was adjusted."""

    async def begin(self) -> Self:
        """Wait for the first event: until it has come, nothing is lost by asking again."""
        self._waiting.append(await self._next_delta())
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while self._response is None:
            delta = self._waiting.pop() if self._waiting else await self._next_delta()
            if piece := self._take(delta):
                return piece

        raise StopAsyncIteration

    @property
    def text(self) -> str:
        """What has come so far."""
        return self._answer.text

    @property
    def response(self) -> Response:
        """
        The whole response, once the last piece has come.

        Before that, what has come so far, with the finish reason ``"unknown"``;
        of a stream that was left early, ``"cancelled"``.
        """
        return self._response or self.finish(self._answer.so_far(self._unfinished))

    def leave(self) -> None:
        """Note that nobody takes any more."""
        self._unfinished = "cancelled"

    async def _next_delta(self) -> Delta | None:
        with self._guard():
            return await anext(self._deltas, None)

    def _take(self, delta: Delta | None) -> str:
        """Take in an event, or the end (None); return the text that now surely belongs to the answer."""
        if delta is None:
            self._response = self.finish(self._answer.response())
            return ""

        text = self._matcher.push(delta.text)
        if delta.finish_reason is not None and self._matcher.matched is None:
            text += self._matcher.finish()
        if (matched := self._matcher.matched) is None:
            self._answer.add(delta if delta.text == text else replace(delta, text=text))
        else:
            self._answer.add(Delta(text=text, finish_reason="stop_sequence", matched_stop=matched))
            self._response = self.finish(self._answer.response())
        return text


def _as_it_is(response: Response) -> Response:
    return response
