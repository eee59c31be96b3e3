"""Any value as JSON says it, and an error in words: without keys, and without what the caller asked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

from asyncllm._keys import SHORTEST, Keys
from asyncllm.errors import ProviderError

DEEPEST = 10
"""How far down a value is shown: one may hold itself."""
LARGEST = 2**64
"""Numbers from here on, and what is none, are shown as texts: not every reader of JSON takes them."""
LONGEST = 1000
"""Letters of an error's message: some servers answer with a whole page."""
DETAILS = ("status", "code", "request_id", "retry_after")
"""What is known of an error besides its message."""


def as_json(value: Any, keys: Keys, depth: int = DEEPEST) -> Any:
    """Return *value* as texts, numbers, lists and objects, with stars for *keys* wherever they stand."""
    if value is None or (isinstance(value, int | float) and abs(value) < LARGEST):
        return value
    if isinstance(value, str):
        return keys.star(str(value))
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        pairs = cast("Iterable[tuple[Any, Any]]", value.items())
        return {keys.star_name(_shown(name)): as_json(each, keys, depth - 1) for name, each in pairs}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(each, keys, depth - 1) for each in cast("Iterable[Any]", value)]
    return keys.star(_shown(value))


def error_fields(error: BaseException | None, keys: Keys, content: Iterable[str]) -> dict[str, Any]:
    """
    Return what is known of *error*, as the fields of a log line.

    Args:
        error: What a call failed with.

        keys: Starred.

        content: Left out of the message, where it stands there as a whole.
    """
    if error is None:
        return {}

    known = DETAILS if isinstance(error, ProviderError) else ()
    details = {name: getattr(error, name) for name in known}
    return {
        "error": type(error).__name__,
        "message": message(error, keys, content),
        **{name: as_json(value, keys) for name, value in details.items() if value is not None},
    }


def message(error: BaseException, keys: Keys, content: Iterable[str]) -> str:
    """Return what *error* says, without *keys*, and without *content* where it stands there as a whole."""
    said: str = keys.star(_shown(error))
    texts = [keys.star(text) for text in content]  # As they stand there by now.
    forms = {form for text in texts for form in (text, repr(text)[1:-1], json.dumps(text)[1:-1])}
    for form in sorted((form for form in forms if len(form) >= SHORTEST), key=len, reverse=True):
        said = said.replace(form, "…")
    return said if len(said) <= LONGEST else said[:LONGEST] + "…"


def _shown(value: object) -> str:
    try:
        return str(value)
    except Exception as exc:  # noqa: BLE001 - a log line must not fail for what somebody's __str__ does
        return f"<{type(value).__name__}: {type(exc).__name__}>"
