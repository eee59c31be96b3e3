"""What stands in for a model where a class answers by itself."""

from __future__ import annotations

import functools
from collections.abc import Callable

from ._registry import Source, find
from ._types import Count, Message, Response
from ._vocabulary import Params
from .errors import ConfigurationError, ProviderNotInstalled, UnknownModel, UnknownProvider
from .provider import Provider, Request, estimated
from .rules import Rules


class Nowhere(Provider):
    """Stands in where a class answers by itself, and the model that it names is nobody's."""

    def __init__(self, error: ConfigurationError, /) -> None:
        self._error = error

    def rules(self, model: str, params: Params) -> Rules:
        raise self._told()

    async def complete(self, request: Request) -> Response:
        raise self._told()

    def _told(self) -> ConfigurationError:
        return type(self._error)(f"the class answers by itself, and no model stands behind it: {self._error}")


class Unnamed(Nowhere):
    """Stands in where such a class names no model; which one it asks after all is found once it does."""

    def __init__(self) -> None:
        super().__init__(UnknownModel("none was named"))


NOBODY = Source("", "", Unnamed)
"""Where a model comes from that was not named."""


def find_or_nowhere(model: str | None, provider: Callable[..., Provider] | None) -> Source:
    """Return the source that a caller named; where there is none, one that says so once it is asked."""
    try:
        return find(model, provider)
    except (UnknownModel, UnknownProvider, ProviderNotInstalled) as exc:
        return Source("", model or "", functools.partial(Nowhere, exc))


def estimated_text(text: str) -> Count:
    """Estimate how many tokens *text* is, with nothing around it."""

    def asked(text: str) -> int:
        return estimated(Request(model="", messages=(Message("user", text),), options={})).tokens

    return Count(tokens=asked(text) - asked(""), exact=False)
