"""Several answers as one response."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ._types import Response, Timing


def together(responses: Sequence[Response]) -> Response:
    """Return the answers to a task that was asked several times as one response; tokens are summed."""
    first, *others = responses
    if not others:
        return first

    usages = [response.usage for response in responses if response.usage is not None]
    waits = [each.timing.queued for each in responses if each.timing and each.timing.queued is not None]
    return replace(
        first,
        choices=tuple(choice for response in responses for choice in response.choices),
        timing=Timing(total=0.0, queued=max(waits)) if waits else None,
        usage=sum(usages[1:], usages[0]) if len(usages) == len(responses) else None,
        raw=[response.raw for response in responses],
    )
