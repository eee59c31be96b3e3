"""What the headers of an answer say is left of a server's limits."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from asyncllm.provider import Allowance

UNITS: Mapping[str, float] = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s":  1,
    "m":  60,
    "h":  3600,
    "d":  86_400,
}  # fmt: skip
"""Of durations as in ``"6m0s"``, in seconds."""
NUMBER = r"(\d{1,12}(?:\.\d{1,12})?)"
PART = re.compile(NUMBER + r"(ns|us|µs|ms|s|m|h|d)")
DURATION = re.compile(rf"(?:{NUMBER}(?:ns|us|µs|ms|s|m|h|d))+")
DATES = ((1e11, 1000.0), (1e9, 1.0))
"""From which numbers on a number is a date, as so many to a second since 1970."""


@dataclass(frozen=True, slots=True)
class AllowanceHeaders:
    """Which headers tell of one of a server's limits."""

    of: Literal["requests", "tokens", "input_tokens", "output_tokens"]
    form: str
    """As in ``"x-ratelimit-{}-requests"``, where ``limit``, ``remaining`` and ``reset`` stand between."""

    def read(self, headers: Mapping[str, str]) -> Allowance | None:
        """Return what *headers* say; None where that is nothing, or makes no sense."""
        said = headers.get(self.form.format("remaining"))
        remaining = None if said is None else _number(said)
        if remaining is None:
            return None

        return Allowance(
            of=self.of,
            remaining=remaining,
            limit=_number(headers.get(self.form.format("limit"), "")),
            reset=seconds(headers.get(self.form.format("reset"), "")),
        )


def allowances(table: Sequence[AllowanceHeaders], headers: Mapping[str, str]) -> Iterator[Allowance]:
    """Yield what *headers* say of the limits in *table*."""
    for row in table:
        if (allowance := row.read(headers)) is not None:
            yield allowance


def seconds(text: str) -> float | None:
    """
    Return the seconds that *text* says there are until a moment; None where it says none.

    It may be a duration (``"6m0s"``), a number of seconds, or a date: by RFC 3339, or in
    seconds or milliseconds since 1970.
    """
    if DURATION.fullmatch(text):
        return sum(float(number) * UNITS[unit] for number, unit in PART.findall(text))

    number = _number(text)
    if number is not None:
        per_second = next((each for least, each in DATES if number >= least), None)
        return number if per_second is None else number / per_second - time.time()
    with suppress(ValueError, OverflowError):
        return datetime.fromisoformat(text).timestamp() - time.time()
    return None


def _number(text: str) -> float | None:
    with suppress(ValueError):
        number = float(text)
        return number if math.isfinite(number) else None
    return None
