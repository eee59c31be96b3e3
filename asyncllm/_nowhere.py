"""What stands in for a model where a class answers by itself."""

from __future__ import annotations

import functools
from collections.abc import Callable

from ._registry import Source, find
from ._types import Response
from ._vocabulary import Params
from .errors import ConfigurationError, ProviderNotInstalled, UnknownModel, UnknownProvider
from .provider import Provider, Request
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


def find_or_nowhere(model: str | None, provider: Callable[..., Provider] | None) -> Source:
    """Return the source that a caller named; where there is none, one that says so once it is asked."""
    try:
        return find(model, provider)
    except (UnknownModel, UnknownProvider, ProviderNotInstalled) as exc:
        return Source("", model or "", functools.partial(Nowhere, exc))
