"""What a text stands for, where a parameter's value is given as one: on a command line, in a table."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ._vocabulary import PARAMETERS

TRUTH = {"true": True, "false": False}

READINGS: tuple[Callable[[Any], Any], ...] = (
    lambda text: text,
    int,
    float,
    json.loads,
    lambda text: TRUTH[str(text).lower()],
)
"""What a text can mean; the first that its parameter takes is the one."""


def value(name: str, text: Any, spelling: str) -> Any:
    """
    Return the value of the parameter *name* that *text* stands for.

    Raises:
        InvalidParameter: It takes no such value; the error calls it by its *spelling*.
    """
    for reading in READINGS:
        try:
            return PARAMETERS[name].kind.checked(reading(text))
        except (TypeError, ValueError, LookupError, OverflowError):
            continue
    return PARAMETERS[name].check(spelling, text)
