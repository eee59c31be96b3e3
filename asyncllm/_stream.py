"""The pieces of an answer, as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Self

import anyio

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
        self._first = ""
        self._response: Response | None = None
        self._finish: Callable[[Response], Response] = _as_it_is

    async def begin(self) -> Self:
        """Wait for the first piece: until it has come, nothing is lost by asking again."""
        self._first = await anext(self, "")
        return self

    def begun(self, finish: Callable[[Response], Response]) -> None:
        """Let *finish* add to the response what this room does not know: its times, what was adjusted."""
        self._finish = finish
        if self._response is not None:
            self._response = finish(self._response)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        piece, self._first = self._first, ""
        try:
            while not piece and self._response is None:
                piece = self._take(await self._next_delta())
                if self._matcher.matched is not None:
                    await self.stop()
        except anyio.get_cancelled_exc_class():
            self.leave()
            raise
        except Exception:
            self.leave("error")
            raise
        if not piece:
            raise StopAsyncIteration

        return piece

    @property
    def text(self) -> str:
        """What has come so far."""
        return self._answer.text

    @property
    def response(self) -> Response:
        """
        The whole response, once the last piece has come.

        Before that, what has come so far, with the finish reason ``"unknown"``;
        of a stream that was left early, ``"cancelled"``; of one that failed, ``"error"``.
        """
        return self._response or self._finish(self._answer.so_far("unknown"))

    def leave(self, finish_reason: FinishReason = "cancelled") -> None:
        """Note that nobody takes any more: what has come by now is all."""
        self._first = ""
        if self._response is None:
            self._response = self._finish(self._answer.so_far(finish_reason))

    async def stop(self) -> None:
        """Let the provider end the call: a generator that is left early must be closed, not dropped."""
        if (aclose := getattr(self._deltas, "aclose", None)) is not None:
            await aclose()

    async def _next_delta(self) -> Delta | None:
        with self._guard():
            return await anext(self._deltas, None)

    def _take(self, delta: Delta | None) -> str:
        """Take in an event, or the end (None); return the text that now surely belongs to the answer."""
        event = delta or Delta()
        text = self._matcher.push(event.text)
        if delta is None or delta.finish_reason is not None:
            text += self._matcher.finish()
        if (matched := self._matcher.matched) is not None:
            event = replace(event, finish_reason="stop_sequence", matched_stop=matched)
        self._answer.add(event if event.text == text else replace(event, text=text))
        if delta is None or matched is not None:
            self._response = self._finish(self._answer.response())
        return text


def _as_it_is(response: Response) -> Response:
    return response
