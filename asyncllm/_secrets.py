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


def known(settings: Mapping[str, Any], *providers: Provider, shortest: int = SHORTEST) -> list[str]:
    """Return the keys in *settings*, of *providers*, and in the environment; the longest first."""
    hidden = {name for provider in providers for name in provider.secret_settings}
    given = [value for name, value in settings.items() if name in hidden]
    environment = [value for name, value in os.environ.items() if name.upper().endswith(NAMED)]
    own = [text for provider in providers for text in provider.secrets()]
    keys = {text.strip() for text in (*_texts(given), *environment, *own)}
    return longest_first(key for key in keys if len(key) >= shortest)


def longest_first(keys: Iterable[str]) -> list[str]:
    """Return *keys* in the order in which to star them: one may hold another."""
    return sorted(keys, key=len, reverse=True)


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
