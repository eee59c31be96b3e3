"""Facts within facts, as rows for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from asyncllm.resources._utilization import size

BYTES = "_bytes"
"""How the names of sizes end."""


def sections(told: Mapping[str, Mapping[str, Any]], *, once: bool) -> Iterator[tuple[str, str, str]]:
    """
    Yield a row for each fact: its section, what it is called, and what it is.

    Args:
        told: The facts of each section.

        once: Name a section in its first row only, for the eye.
    """
    for section, facts in told.items():
        for number, (name, value) in enumerate(_rows(facts)):
            yield section if number == 0 or not once else "", name, value


def _rows(facts: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in facts.items():
        # The environment's variables are called as they are written.
        spoken = name if name.isupper() else name.removesuffix(BYTES).replace("_", " ")
        called = f"{before} {spoken}".strip()
        if isinstance(value, Mapping):
            yield from _rows(cast("Mapping[str, Any]", value), called)
        else:
            yield called, _text(value, is_size=name.endswith(BYTES))


def _text(value: Any, *, is_size: bool) -> str:
    match value:
        case None:
            return "unknown"
        case bool():
            return "yes" if value else "no"
        case int() | float() if is_size:
            return size(value)
        case list() | tuple():
            several = cast("Sequence[Any]", value)
            return ", ".join(_text(each, is_size=is_size) for each in several) or "none"
        case _:
            return str(value)
