"""Which texts are keys: among an LLM's settings, of its providers, and in the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from ._keys import Keys, in_headers, named
from .provider import Provider

_ADDRESS = re.compile(r"://(?:[^/\s@]*@)?([^\s?#]*)(?:[?#]\S*)?")


def known(settings: Mapping[str, Any], *providers: Provider) -> Keys:
    """Return the keys in *settings*, of *providers*, and in the environment."""
    hidden = {name for provider in providers for name in provider.secret_settings}
    given = [text for name, value in settings.items() if name in hidden for text in _keys_in(value)]
    own = [text for provider in providers for text in provider.secrets()]
    return Keys([*given, *own, *named(os.environ)])


def bare(value: Any) -> Any:
    """Return an address without what may be a key in it: a password, or a query."""
    return _ADDRESS.sub(r"://\1", value) if isinstance(value, str) else value


def _keys_in(value: Any) -> Iterator[str]:
    """Yield the keys in a secret setting: itself, where it is a text; what may be one, in headers."""
    if isinstance(value, str):
        yield value
    elif isinstance(cast("object", value), Mapping):
        fields: Mapping[Any, Any] = value
        yield from in_headers({str(name): text for name, text in fields.items() if isinstance(text, str)})
        yield from (text for each in fields.values() if not isinstance(each, str) for text in _keys_in(each))
    elif isinstance(value, list | tuple):
        for each in cast("Sequence[Any]", value):
            yield from _keys_in(each)
