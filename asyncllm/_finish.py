"""What a response gets when it is there: its times, and what its call made of the parameters."""

from __future__ import annotations

import time
from dataclasses import replace

from ._prepare import Prepared
from ._types import Adjustment, Response, Timing

CUT_SHORT = frozenset({"cancelled", "error", "unknown"})
"""Ends of an answer that is not all there."""


def finished(
    response: Response,
    call: Prepared,
    *,
    began: float,
    attempts: int,
    adjustments: tuple[Adjustment, ...],
    provider: str,
    model: str,
) -> Response:
    """
    Return *response* with what only the core knows.

    Args:
        response: What the provider's answer said, and how long it took from its last attempt on.

        call: What was asked.

        began: When, by :func:`time.perf_counter`.

        attempts: How often.

        adjustments: What is to be reported of it.

        provider: The provider's name.

        model: The model's, where the answer does not say.
    """
    total, first = time.perf_counter() - began, None
    timing = response.timing or Timing(total=total)
    if timing.first_token is not None:
        first = total - timing.total + timing.first_token
    return replace(
        response,
        choices=response.choices[: call.kept],
        timing=replace(timing, total=total, first_token=first),
        adjustments=(*adjustments, *_shortfall(call, response)),
        attempts=attempts,
        provider=provider,
        model=response.model or model,
    )


def _shortfall(call: Prepared, response: Response) -> tuple[Adjustment, ...]:
    """Return the adjustment that a provider made which was asked for several texts and returned fewer."""
    came = len(response.choices)
    if came >= call.choices or response.finish_reason in CUT_SHORT:
        return ()

    return (
        Adjustment(
            parameter="num_return_sequences",
            verdict="clamped",
            asked=call.choices,
            sent=came,
            reason="the provider returned fewer",
        ),
    )
