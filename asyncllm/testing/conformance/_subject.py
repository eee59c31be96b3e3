"""What is tried: a provider, and how its author says to ask it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol, cast

import pytest

from asyncllm import LLM, Limits, Retry
from asyncllm.provider import Params, Provider, Table

BACKENDS = ("asyncio", "trio")
MODES = ("complete", "stream")
ONCE = Retry(attempts=1)
AT_ONCE = Limits(adaptive=False)
"""Errors are tried by the hundred here, and no request waits since another was refused."""
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
        """Return an LLM that speaks with the provider and asks only once; *given* wins over the settings."""
        asked: dict[str, Any] = {
            "retry": ONCE,
            "limits": AT_ONCE,
            **self.params,
            **self.settings(url),
            **given,
        }
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


def texts(value: object) -> Iterator[str]:
    """Yield every text within *value*; names are none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in cast("Mapping[object, object]", value).values():
            yield from texts(inner)
    elif isinstance(value, list | tuple):
        for inner in cast("Sequence[object]", value):
            yield from texts(inner)
