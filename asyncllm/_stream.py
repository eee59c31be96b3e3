"""The pieces of an answer, as they come."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Self

import anyio

from ._deadline import Deadline
from ._stops import StopMatcher
from ._types import FinishReason, Response
from .provider import Answer, Delta


class Stream(AsyncIterator[str]):
    """
    The pieces of an answer as they come: ``async for piece in stream``.

    An answer counts only once its closing event has come; one that is cut on
    its way raises :class:`~asyncllm.IncompleteResponse`, which holds what came.
    Of several answers the first comes piece by piece; all are in the response.
    """

    def __init__(
        self,
        deltas: AsyncIterator[Delta],
        *,
        stops: Iterable[str],
        choices: int,
        guard: Callable[[], AbstractContextManager[None]],
        deadline: Deadline,
        queued: float | None = None,
    ) -> None:
        self._deltas = deltas
        self._stops = tuple(stops)
        self._matchers: dict[int, StopMatcher] = {}
        self._choices = choices
        self._guard = guard
        self._deadline = deadline
        self._queued = queued
        self._over: Callable[[Response], None] | None = None
        self._answer = Answer()
        self._first = ""
        self._thoughts: list[str] = []
        """What was thought before the first text, and nobody has taken yet."""
        self._held = 0.0
        self._given: float | None = None
        """Since when the caller has a piece; None while one is waited for."""
        self._response: Response | None = None
        self._finish: Callable[[Response], Response] = _as_it_is
        self._follow: Callable[[Response], Awaitable[Response]] | None = None

    async def begin(self) -> Self:
        """Wait for the first piece, or thought: until it has come, nothing is lost by asking again."""
        self._first = await self._piece(or_thought=True)
        return self

    def begun(
        self,
        finish: Callable[[Response], Response],
        follow: Callable[[Response], Awaitable[Response]] | None = None,
    ) -> None:
        """
        Take over what this room does not know.

        Args:
            finish: Adds to the response its times, and what was adjusted.

            follow: Gets the answers that have to be asked for besides this one, once it has come.
        """
        self._finish, self._follow = finish, follow
        if self._response is not None:
            self._response = finish(self._response)

    def when_over(self, over: Callable[[Response], None]) -> None:
        """Call *over* once nothing comes any more, whatever the reason; at once where it is so already."""
        self._over = over
        if self._response is not None:
            over(self._response)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        piece, self._first = self._first, ""
        if not piece:
            piece = await self._piece()
        if not piece:
            raise StopAsyncIteration

        return piece

    def reasoning_pieces(self) -> AsyncIterator[str]:
        """
        Take what the model thinks as it comes, up to where its answer begins.

        ::

            async for piece in stream.reasoning_pieces():
                print(piece, end="", file=sys.stderr)
            async for piece in stream:
                print(piece, end="")

        Whoever does not ask for it misses nothing of the answer.
        """
        return _Until(self._thought)

    @property
    def text(self) -> str:
        """What has come so far."""
        return self._answer.text

    @property
    def reasoning(self) -> str:
        """What has come so far of what the model thinks, where the provider shows it; no part of the text."""
        return self._answer.reasoning

    @property
    def response(self) -> Response:
        """
        The whole response, once the last piece has come.

        Before that, what has come so far, with the finish reason ``"unknown"``;
        of a stream that was left early, ``"cancelled"``; of one that failed, ``"error"``.
        """
        return self._response or self._finish(self._timed(self._answer.so_far("unknown")))

    def leave(self, finish_reason: FinishReason = "cancelled") -> None:
        """Note that nobody takes any more: what has come by now is all."""
        self._first = ""
        self._thoughts.clear()
        self._follow = None
        if self._response is None:
            self._end(self._answer.so_far(finish_reason))

    async def stop(self) -> None:
        """Let the provider end the call: a generator that is left early must be closed, not dropped."""
        if (aclose := getattr(self._deltas, "aclose", None)) is not None:
            await aclose()

    async def _thought(self) -> str:
        """Wait for the next piece of what is thought; it is empty once the answer has begun or ended."""
        if not (self._thoughts or self._first or self._response is not None):
            self._first = await self._piece(or_thought=True)
        piece = "".join(self._thoughts)
        self._thoughts.clear()
        return piece

    async def _piece(self, *, or_thought: bool = False) -> str:
        """
        Wait for the next piece of the first text; it is empty where the answer has ended.

        Args:
            or_thought: Do not wait where there is a thought; then it may be empty, too.
        """
        piece = ""
        self._held, self._given = self._held_by_now, None
        try:
            with self._deadline():
                while not piece and self._response is None and not (or_thought and self._thoughts):
                    piece = self._take(await self._next_delta())
                    if self._has_all:
                        await self.stop()
                if not piece and self._follow is not None and self._response is not None:
                    follow, self._follow = self._follow, None
                    self._response = await follow(self._response)
        except anyio.get_cancelled_exc_class():
            self.leave()
            raise
        except Exception:
            self.leave("error")
            raise
        self._given = time.perf_counter()
        return piece

    @property
    def _held_by_now(self) -> float:
        return self._held + (0.0 if self._given is None else time.perf_counter() - self._given)

    def _timed(self, response: Response) -> Response:
        """Return *response* with the times that it waited: before it began, and for its caller."""
        if (timing := response.timing) is not None:
            queued = timing.queued if self._queued is None else self._queued + (timing.queued or 0.0)
            timing = replace(timing, held=self._held_by_now, queued=queued)
        return replace(response, timing=timing)

    def _end(self, response: Response) -> None:
        """Note that nothing comes any more."""
        self._response = self._finish(self._timed(response))
        if self._over is not None:
            self._over(self._response)

    async def _next_delta(self) -> Delta | None:
        with self._guard():
            return await anext(self._deltas, None)

    @property
    def _has_all(self) -> bool:
        """Whether a stop token of ours has ended the last text that was still coming."""
        found = any(matcher.matched is not None for matcher in self._matchers.values())
        return found and self._answer.is_complete and self._answer.ended >= self._choices

    def _take(self, delta: Delta | None) -> str:
        """Take in an event, or the end (None); return what now surely belongs to the first text."""
        if delta is None:
            rest = [self._rest(index, matcher) for index, matcher in self._matchers.items()]
            for event in rest:
                self._answer.add(event)
            self._end(self._answer.response())
            return "".join(event.text for event in rest if event.index == 0)

        event = self._cut(delta)
        self._answer.add(event)
        if event.reasoning and event.index == 0:
            self._thoughts.append(event.reasoning)
        if self._has_all:
            self._end(self._answer.response())
        return event.text if event.index == 0 else ""

    def _cut(self, delta: Delta) -> Delta:
        """Return *delta* with the text that surely belongs to its answer."""
        if not self._stops:
            return delta

        matcher = self._matchers.setdefault(delta.index, StopMatcher(self._stops))
        was_matched = matcher.matched is not None
        text = matcher.push(delta.text)
        if delta.finish_reason is not None:
            text += matcher.finish()
        if was_matched:  # What the model says after its end says nothing about it.
            return replace(delta, text="", finish_reason=None, matched_stop=None, logprobs=(), reasoning="")
        if matcher.matched is not None:
            return replace(delta, text=text, finish_reason="stop_sequence", matched_stop=matcher.matched)
        return replace(delta, text=text)

    @staticmethod
    def _rest(index: int, matcher: StopMatcher) -> Delta:
        """Return what was held back of a text that ends here."""
        text = matcher.finish()
        reason: FinishReason | None = None if matcher.matched is None else "stop_sequence"
        return Delta(index=index, text=text, finish_reason=reason, matched_stop=matcher.matched)


class _Until(AsyncIterator[str]):
    """The pieces that *take* brings, up to an empty one."""

    def __init__(self, take: Callable[[], Awaitable[str]]) -> None:
        self._take = take

    async def __anext__(self) -> str:
        if not (piece := await self._take()):
            raise StopAsyncIteration

        return piece


def _as_it_is(response: Response) -> Response:
    return response
