"""What of the options goes to the LLM, and what to the batch: the one place that knows."""

from __future__ import annotations

from typing import Any

from asyncllm import Limits
from asyncllm.batch._remote import Patience


def llm_settings(rpm: int | None, tpm: int | None) -> dict[str, Any]:
    """Return what an LLM is to be told of its limits."""
    is_limited = rpm is not None or tpm is not None
    return {"limits": Limits(requests_per_minute=rpm, tokens_per_minute=tpm)} if is_limited else {}


def patience(poll: float | None) -> Patience | None:
    """Return how long to wait between looks at the provider's batches, where somebody asked for that."""
    return None if poll is None else Patience(first=poll, growth=1.0, longest=poll)


def call_settings(**given: Any) -> dict[str, Any]:
    """Return those of the batch's settings that were given; the others are the batch's own business."""
    return {name: value for name, value in given.items() if value is not None}
