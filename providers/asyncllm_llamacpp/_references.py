"""From a reference in a JSON schema to the part that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from asyncllm.errors import InvalidParameter


def part(schema: Mapping[str, Any], reference: str) -> Any:
    """
    Return the part of *schema* that *reference* names, as in ``"#/$defs/City"``.

    Raises:
        InvalidParameter: It is elsewhere: nothing is fetched.
    """
    place, _, path = reference.partition("#")
    first, *steps = path.split("/")
    found: Any = schema
    try:
        for step in steps:
            key = unquote(step).replace("~1", "/").replace("~0", "~")
            found = found[key if hasattr(found, "keys") else int(key)]
    except (LookupError, ValueError, TypeError):
        place = reference
    if place or first:
        raise InvalidParameter(f"response_format refers to {reference!r}, which is not within it")

    return found
