"""Keep keys out of what is written down."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from .provider import Provider

SHORTEST = 10
"""Characters: what is shorter may be a word, as that of a header like ``x-tier``."""

NAMED = "_API_KEY"
"""How variables of the environment end that hold keys."""

_ADDRESS = re.compile(r"://(?:[^/\s@]*@)?([^\s?#]*)(?:[?#]\S*)?")


def known(settings: Mapping[str, Any], provider: Provider) -> list[str]:
    """Return the keys in *settings*, of *provider*, and in the environment; the longest first."""
    given = [value for name, value in settings.items() if name in provider.secret_settings]
    environment = [value for name, value in os.environ.items() if name.upper().endswith(NAMED)]
    keys = {text.strip() for text in (*_texts(given), *environment, *provider.secrets())}
    # One may hold another.
    return sorted((key for key in keys if len(key) >= SHORTEST), key=len, reverse=True)


def starred(value: Any, keys: Iterable[str]) -> Any:
    """Return *value* with stars for *keys* in its texts, all the way down."""
    if isinstance(value, str):
        for key in keys:
            value = value.replace(key, "***")
        return value
    if isinstance(value, list | tuple):
        several = [starred(each, keys) for each in cast("Sequence[Any]", value)]
        return tuple(several) if isinstance(value, tuple) else several
    if isinstance(cast("object", value), dict):
        fields: dict[Any, Any] = value
        return {name: starred(each, keys) for name, each in fields.items()}
    return value


def bare(value: Any) -> Any:
    """Return an address without what may be a key in it: a password, or a query."""
    return _ADDRESS.sub(r"://\1", value) if isinstance(value, str) else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(cast("object", value), Mapping):
        fields: Mapping[Any, Any] = value
        yield from _texts(list(fields.values()))
    elif isinstance(value, list | tuple):
        for each in cast("Sequence[Any]", value):
            yield from _texts(each)
