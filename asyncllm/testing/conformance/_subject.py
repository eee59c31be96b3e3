"""What is tried: a provider, and how its author says to ask it."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol, cast

import pytest

from asyncllm import LLM, Retry
from asyncllm.provider import Params, Provider, Table
from asyncllm.testing._reply import Recorded, Reply
from asyncllm.testing._server import ScriptedServer

BACKENDS = ("asyncio", "trio")
MODES = ("complete", "stream")
ONCE = Retry(attempts=1)
PIECES = ("Grüß", " dich,\n", "\n  日本", " \N{SLIGHTLY SMILING FACE}", ' \\u00e9 " end.')
"""What a scripted server says: nothing of it may change on its way."""


class Make(Protocol):
    """What makes an LLM that speaks with the provider."""

    def __call__(self, **given: Any) -> LLM: ...


class Subject:
    """A provider, and how to ask it."""

    provider: ClassVar[type[Provider]]
    """The class that is tried."""
    model: ClassVar[str] = ""
    """The model that is asked; by default that of the provider's first table."""
    params: ClassVar[Params] = Params()
    """Parameters with which it answers shortly, and the same each time."""
    patience: ClassVar[float] = 20.0
    """Seconds after which what should have happened in another thread will not happen any more."""
    nowhere: ClassVar[str] = ""
    """An address that nobody listens at, for a provider that is made and not asked."""

    def settings(self, url: str) -> Mapping[str, Any]:
        """
        Return the settings to make the provider with.

        Args:
            url: The address of the scripted server; empty for a provider that does not speak HTTP.
        """
        return {}

    def secrets(self) -> tuple[str, ...]:
        """Return the texts among the settings that nobody may see."""
        given = self.settings(self.nowhere)
        return tuple(
            secret
            for name in sorted(self.provider.secret_settings & given.keys())
            for secret in texts(given[name])
        )

    @property
    def tables(self) -> Sequence[Table]:
        """The provider's tables; one for *model* where it states none."""
        return self.provider.tables or (Table(name="the only one", model=self.model),)

    def made(self, table: Table | None = None, url: str = "") -> Provider:
        """Return an instance, with the settings under which *table* holds."""
        url = url or self.nowhere
        given = self.settings(url)
        # Whatever address a table holds at: it is tried at ours.
        here = {name: value for name, value in given.items() if url and url in str(value)}
        return self.provider(**{**given, **(table.settings if table else {}), **here})

    def llm(self, url: str, **given: Any) -> LLM:
        """Return an LLM that speaks with the provider and asks only once."""
        asked: dict[str, Any] = {"retry": ONCE, **self.params, **self.settings(url), **given}
        return LLM(self.model or self.tables[0].model, provider=self.provider, **asked)

    @pytest.fixture(params=BACKENDS)
    def anyio_backend(self, request: pytest.FixtureRequest) -> str:
        """Run each asynchronous test on asyncio and on trio."""
        return str(request.param)

    @pytest.fixture
    def make(self) -> Make:
        """Return what makes an LLM that gets answers."""

        def make(**given: Any) -> LLM:
            return self.llm("", **given)

        return make

    @property
    def taken(self) -> Mapping[str, inspect.Parameter]:
        """The provider's settings."""
        return inspect.signature(self.provider).parameters


class HTTPSubject(Subject, ABC):
    """A provider that speaks HTTP, and what its server says."""

    nowhere = "http://127.0.0.1:9"

    @abstractmethod
    def settings(self, url: str) -> Mapping[str, Any]: ...

    @abstractmethod
    def answer(self, text: str) -> Reply:
        """Return what the vendor's server sends for a whole answer that says *text*."""

    @abstractmethod
    def stream(self, *pieces: str) -> Reply:
        """Return what it streams for an answer in *pieces*: one event or line for each, and more around."""

    def error(self, status: int, message: str) -> Reply:
        """Return the error that it sends with *status*."""
        return Reply(status=status, json={"error": {"message": message}})

    def is_stream(self, request: Recorded) -> bool:
        """Say whether *request* asks for a stream; by default where its body says ``"stream": true``."""
        body: Any = request.body
        return isinstance(body, Mapping) and bool(cast("Mapping[str, Any]", body).get("stream"))

    def says(self, request: Recorded, *pieces: str) -> Reply:
        """Return the answer to *request*, streamed or not, as it asks."""
        return self.stream(*pieces) if self.is_stream(request) else self.answer("".join(pieces))

    @pytest.fixture
    def server(self) -> Iterator[ScriptedServer]:
        """Return the vendor's server, which answers until it is told otherwise."""
        with ScriptedServer() as server:
            yield server

    @pytest.fixture
    def make(self, server: ScriptedServer) -> Make:
        def make(**given: Any) -> LLM:
            return self.llm(server.url, **given)

        server.reply(lambda request: self.says(request, *PIECES))
        return make


def texts(value: object) -> Iterator[str]:
    """Yield every text within *value*."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in cast("Mapping[object, object]", value).items():
            yield from texts(key)
            yield from texts(inner)
    elif isinstance(value, list | tuple):
        for inner in cast("Sequence[object]", value):
            yield from texts(inner)
