"""
The contract between asyncllm and a provider plugin.

A plugin is one class, :class:`Provider`, with two tables (which error of ours
each of its errors is, and how each parameter reaches it) and one method, either
:meth:`~Provider.complete` or :meth:`~Provider.stream`: the other follows from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from ._answer import Answer, Delta, in_one_piece
from ._batch_api import SKEW, BatchAPI, BatchState, BatchStatus, Bundle, Entry, Found, Lot, custom_id
from ._log import log
from ._mailbox import Mailbox
from ._request import Request
from ._stops import StopMatcher
from ._types import Choice, Count, FinishReason, Message, Response, Role, Timing, TokenLogprob, Usage
from ._vocabulary import Effort, Params
from .errors import ErrorTable
from .rules import Rules

__all__ = [
    "SKEW",
    "Allowance",
    "Answer",
    "BatchAPI",
    "BatchState",
    "BatchStatus",
    "Bundle",
    "Choice",
    "Count",
    "Delta",
    "Effort",
    "Entry",
    "FinishReason",
    "Found",
    "Lot",
    "Mailbox",
    "Message",
    "Params",
    "Provider",
    "Request",
    "Response",
    "Role",
    "StopMatcher",
    "Table",
    "Timing",
    "TokenLogprob",
    "Usage",
    "Wire",
    "custom_id",
    "estimated",
    "in_one_piece",
    "log",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """What would be sent for a request: its address, and what goes there."""

    to: str
    """Method and path, for what goes over a network."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Headers that the rules asked for; no key is among them."""
    body: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a server says is left of one of its limits, as in the headers of an answer."""

    of: Literal["requests", "tokens", "input_tokens", "output_tokens"]
    remaining: float
    """How many are left."""
    limit: float | None = None
    """How many there are when none is used."""
    reset: float | None = None
    """Seconds until there are so many again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One of a provider's tables, and what leads to it: what is printed, tried and documented."""

    name: str
    """As in ``"chat, gpt-5.2, effort none"``."""
    model: str
    """The name of a model that it holds for."""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Settings of the provider's under which it holds."""
    params: Params = field(default_factory=Params)
    """Other parameters with which it holds."""


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

    in_process: ClassVar[bool] = False
    """Whether the model runs in this process, so that a call to it is no call of a client."""

    tables: ClassVar[Sequence[Table]] = ()
    """One for each table that :meth:`rules` may return."""

    hears: Callable[[str, Iterable[Allowance]], None] | None = None
    """Whom :meth:`told` tells; asyncllm sets it."""

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

    async def count_tokens(self, request: Request) -> Count:
        """
        Count what *request* asks, its answer not included: for ``max_length``.

        The default is an estimate, by the size of the text.
        """
        return estimated(request)

    def context_size(self, request: Request) -> int | None:
        """
        Return how many tokens the prompt and the answer of *request* may take together.

        It is asked of a provider that was never opened, so it tells what is known
        by itself: None, the default, where that is nothing, and rather the highest
        number where there are several.
        """
        return None

    def batches(self) -> BatchAPI | None:
        """
        Return the vendor's own batch API, where there is one: many requests in one go, for less.

        It is asked of any provider, and used of one that was opened. The default has none.
        """
        return None

    async def save_state(self, request: Request) -> bytes | None:
        """
        Return what the model has read of the messages of *request*, to be given back later.

        Only a model that runs in this process has something to give; None, the
        default, is nothing.
        """
        return None

    async def load_state(self, request: Request, state: bytes) -> str | None:
        """
        Take up *state*, which :meth:`save_state` returned: the model then need not read it again.

        Return None where that came to be, and otherwise why not, as in "it is of
        another model"; raise :exc:`CheckpointError` where it is damaged. Its
        checksum was compared before. The default takes none.
        """
        return "the provider keeps no state"

    def wire(self, request: Request, *, stream: bool = False) -> Wire:
        """
        Return what would be sent for *request*, without sending it: what ``llm.plan`` shows.

        Args:
            request: What would be asked.

            stream: Whether the answer would be taken as it comes.
        """
        messages = [{"role": message.role, "content": message.text} for message in request.messages]
        return Wire(to=request.model, headers=request.headers, body={"messages": messages, **request.options})

    async def aclose(self) -> None:
        """Release what :meth:`aopen` opened. The default holds nothing."""

    def gauges(self) -> Mapping[Hashable, Mapping[str, float]]:
        """
        Return what this provider, once opened, has in use now: for ``llm.track_resource_utilization``.

        The figures, by name, of each thing that it holds, as in ``{pool:
        {"connections_open": 3}}``. Things that several providers share are counted
        once, by their key; figures of the same name are added up. It is called from
        any thread, and often: open nothing and wait for nothing. The default holds nothing.
        """
        return {}

    @classmethod
    def describe(cls) -> Mapping[str, Any]:
        """
        Return what this provider finds installed, set up and there: what ``asyncllm doctor`` prints.

        Names and what JSON can hold, with no key among it; what a name that ends in
        ``_bytes`` stands for is shown as a size. Open nothing, and ask no server. The
        default has nothing to tell.
        """
        return {}

    async def examine(self, request: Request) -> Mapping[str, Any]:
        """
        Return how the model of *request* is run, in the same form: ``asyncllm doctor MODEL`` prints it.

        For a model in this process, which is loaded for it: on what devices it came
        to be, and what it takes there. The default has nothing to tell.
        """
        return {}

    def account(self) -> Hashable:
        """
        Return what tells whose limits the calls use up: providers of a class that return the same share them.

        It is asked once the provider is open. The address of the server and a hash of
        the key, for example; never the key itself. None, the default, is this object alone.
        """
        return None

    def told(self, model: str, allowances: Iterable[Allowance]) -> None:
        """
        Tell asyncllm what the server says is left of its limits for *model*.

        Call it where :meth:`complete` or :meth:`stream` has learnt that, be it from an
        answer or from an error: so nothing is sent that would be refused.
        """
        if self.hears is not None:
            self.hears(model, allowances)

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


_BYTES_A_TOKEN = 3
"""Fewer than in usual texts: English has over four, and a letter of Chinese, a token or less, has three."""
_TOKENS_A_MESSAGE = 4
"""What the marks around a message take, in most models' templates."""


def estimated(request: Request) -> Count:
    """Estimate how many tokens *request* asks, rather too many than too few."""
    size = sum(len(message.text.encode("utf-8", "replace")) for message in request.messages)
    return Count(
        tokens=-(-size // _BYTES_A_TOKEN) + _TOKENS_A_MESSAGE * (len(request.messages) + 1), exact=False
    )
