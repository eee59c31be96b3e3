"""``max_length``, where the provider limits the answer alone: what the prompt leaves of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ._types import Count
from .errors import InvalidParameter
from .rules import Applied

MARGIN = 1.2
"""What an estimate is multiplied with, so that it is seldom too low."""


def fitted(length: int, count: Count, max_tokens: int | None) -> Applied:
    """
    Return the limit of an answer that, with a prompt of *count* tokens, comes to *length* at most.

    Raises:
        InvalidParameter: The prompt leaves no room for an answer.
    """
    prompt = count.tokens if count.exact else math.ceil(count.tokens * MARGIN)
    how = "counted" if count.exact else "estimated, with a margin"
    room = length - prompt
    if room < 1:
        raise InvalidParameter(
            f"max_length={length} leaves no room for an answer: the prompt takes {prompt} tokens ({how})"
        )

    limit = {"max_tokens": room if max_tokens is None else min(room, max_tokens)}
    reason = f"what the prompt leaves of it is max_tokens; the prompt is {how}"
    return Applied(verdict="emulated", sent=limit, reason=reason, options=limit)


@dataclass(frozen=True, slots=True)
class Settled:
    """The row of ``max_length`` once the prompt is counted: max_tokens brings the limit."""

    limit: Applied

    def apply(self, name: str, value: int, asked: Mapping[str, Any]) -> Applied:
        return replace(self.limit, options={})


def bounded(limit: Applied, applied: Mapping[str, Applied], given: Mapping[str, Any]) -> dict[str, Applied]:
    """
    Return what was *applied* with the verdict on a ``max_tokens`` that *limit* has taken the place of.

    Raises:
        InvalidParameter: The provider's shortest answer is longer than the limit.
    """
    room, row = limit.options["max_tokens"], applied["max_tokens"]
    if row.verdict == "clamped" and row.sent > room:
        raise InvalidParameter(
            f"max_length leaves {room} tokens for an answer, and the provider's shortest takes {row.sent}"
        )
    if given.get("max_tokens", room) > room:
        row = replace(row, verdict="inapplicable", sent=None, reason="max_length is the tighter one")
    return {**applied, "max_tokens": row}
