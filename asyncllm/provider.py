"""
The contract between asyncllm and a provider plugin.

A plugin is one class, :class:`Provider`, with two tables (which error of ours
each of its errors is, and how each parameter reaches it) and one method, either
:meth:`~Provider.complete` or :meth:`~Provider.stream`: the other follows from it.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ._stops import StopMatcher
from ._types import Choice, FinishReason, Message, Response, Timing, Usage
from ._vocabulary import Params
from .errors import ErrorTable, IncompleteResponse
from .rules import Rules

__all__ = ["Answer", "Delta", "Message", "Params", "Provider", "Request", "StopMatcher", "in_one_piece"]


def _no_headers() -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call in the provider's own words."""

    model: str
    messages: tuple[Message, ...]
    options: Mapping[str, Any]
    """What the table's rows made of the parameters: keys for the body, absent where not set."""
    headers: Mapping[str, str] = field(default_factory=_no_headers)
    """Headers that the rows asked for."""


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
    usage: Usage | None = None
    """The tokens so far; the last one counts."""
    model: str | None = None
    request_id: str | None = None


class Provider(ABC):
    """
    A source of language models: the one class that a plugin writes.

    Its ``__init__`` takes the provider's settings as keyword-only arguments and
    opens nothing: asyncllm makes an instance just to read its rules, and another
    in each event loop that asks for it. There it awaits :meth:`aopen` once, calls
    :meth:`complete` and :meth:`stream` from as many tasks as it likes, and awaits
    :meth:`aclose` once, also where :meth:`aopen` failed.
    """

    errors: ClassVar[ErrorTable] = {}
    """Which error of ours each of the SDK's errors is; the nearest base class decides."""

    secret_settings: ClassVar[frozenset[str]] = frozenset({"api_key"})
    """Settings that are never shown, logged or pickled."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.complete is Provider.complete and cls.stream is Provider.stream:
            raise TypeError(f"{cls.__name__} must define complete() or stream(): each stands on the other")

    @abstractmethod
    def rules(self, model: str, params: Params) -> Rules:
        """Return the rules that hold for *model* when it is called with *params*."""

    async def aopen(self) -> None:
        """Open what calls need: a client, a model's weights. The default needs nothing."""

    async def complete(self, request: Request) -> Response:
        """
        Send *request* once, as it stands, and return the answer.

        No retry, no renaming, no timing: the core does these. The default
        collects :meth:`stream`.
        """
        answer = Answer()
        async with self.stream(request) as deltas:
            async for delta in deltas:
                answer.add(delta)
        return answer.response()

    def stream(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Delta]]:
        """
        Send *request* once, as it stands, and give the answer as it comes.

        Write it as an ``@asynccontextmanager``; leaving it must end the call on
        the provider's side. The default gives the whole of :meth:`complete` at once.
        """
        return self._in_one_piece(request)

    async def aclose(self) -> None:
        """Release what :meth:`aopen` opened. The default holds nothing."""

    def secrets(self) -> Iterable[str]:
        """Return the texts that must not show up in an error's message: keys, tokens."""
        return ()

    @asynccontextmanager
    async def _in_one_piece(self, request: Request) -> AsyncGenerator[AsyncIterator[Delta]]:
        response = await self.complete(request)

        async def deltas() -> AsyncGenerator[Delta]:
            for delta in in_one_piece(response):
                yield delta

        yield deltas()


def in_one_piece(response: Response) -> Iterable[Delta]:
    """Yield the whole of *response* as events: one for each of its texts."""
    for index, choice in enumerate(response.choices):
        yield Delta(
            text=choice.text,
            index=index,
            finish_reason=choice.finish_reason,
            matched_stop=choice.matched_stop,
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
        self._ends: dict[int, Delta] = {}
        self._last = Delta()

    def add(self, delta: Delta) -> None:
        """Take in the next event."""
        self._texts.setdefault(delta.index, []).append(delta.text)
        if delta.text and self._first_token is None:
            self._first_token = time.perf_counter() - self._began
        if delta.finish_reason is not None:
            self._ends[delta.index] = delta
        self._last = Delta(
            usage=delta.usage or self._last.usage,
            model=delta.model or self._last.model,
            request_id=delta.request_id or self._last.request_id,
        )

    @property
    def text(self) -> str:
        """What has come of the first text."""
        return "".join(self._texts[0])

    @property
    def is_complete(self) -> bool:
        """Whether each text has had its end."""
        return self._texts.keys() == self._ends.keys()

    def so_far(self, finish_reason: FinishReason) -> Response:
        """Return what has come; texts that have not ended yet end for *finish_reason*."""
        unfinished = Delta(finish_reason=finish_reason)
        return Response(
            choices=tuple(
                Choice(
                    text="".join(pieces),
                    finish_reason=(end := self._ends.get(index, unfinished)).finish_reason or "unknown",
                    matched_stop=end.matched_stop,
                )
                for index, pieces in sorted(self._texts.items())
            ),
            usage=self._last.usage,
            timing=Timing(total=time.perf_counter() - self._began, first_token=self._first_token),
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
