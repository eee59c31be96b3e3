"""Read figures back from what JSON held, and refuse whatever cannot be one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from .errors import InvalidParameter

T = TypeVar("T")

MOST = 2**63
"""No count is so high; a text of digits can be."""


def read(kind: type[T], given: Any, readers: Mapping[str, Callable[[Any], Any]]) -> T:
    """Return the *kind* that *given* says, each field through its reader."""
    fields = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    if fields.keys() != readers.keys():
        raise InvalidParameter(f"a {kind.__name__} has the fields {', '.join(readers)}; got {given!r:.60}")

    return kind(**{name: reader(fields[name]) for name, reader in readers.items()})


def rows(given: Any) -> Sequence[Any]:
    """Return the rows of a table."""
    if not isinstance(given, list):
        raise InvalidParameter(f"a table is a list; got {given!r:.60}")
    return cast("Sequence[Any]", given)


def text(given: Any) -> str:
    """Return a text."""
    if not isinstance(given, str):
        raise InvalidParameter(f"a name is a text; got {given!r:.60}")
    return given


def whole(given: Any) -> int:
    """Return any whole number."""
    if type(given) is not int:
        raise InvalidParameter(f"a whole number was wanted; got {given!r:.60}")
    return given


def count(given: Any) -> int:
    """Return how many there were."""
    if not 0 <= whole(given) < MOST:
        raise InvalidParameter(f"a count is 0 or more; got {given!r:.60}")
    return int(given)


def several(given: Any) -> int:
    """Return how many there were, of what there was at least once."""
    if not count(given):
        raise InvalidParameter("a count is at least 1 here; got 0")
    return int(given)


def seconds(given: Any) -> float:
    """Return a time."""
    if type(given) not in {int, float} or not math.isfinite(given) or given < 0:
        raise InvalidParameter(f"a time is a number of seconds; got {given!r:.60}")
    return float(given)
