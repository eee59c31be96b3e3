"""An answer's facts: for people in rows, for programs as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from asyncllm._plan import Plan
from asyncllm._types import Response, Timing, Usage

FIELDS = (
    "text",
    "texts",
    "reasoning",
    "choices",
    "finish_reason",
    "matched_stop",
    "usage",
    "timing",
    "adjustments",
    "provider",
    "model",
    "request_id",
    "attempts",
)
"""What ``--json`` prints; the provider's raw answer is left out."""

CHANGING = frozenset({"clamped", "dropped"})
"""The adjustments that change the answer; the others get what was asked by other means."""

ORDINARY = frozenset({"stop", "stop_sequence"})
"""The ends of answers of which there is nothing to say."""


def as_json(response: Response) -> str:
    """Return all that is known of *response*, as JSON."""
    return _json({name: getattr(response, name) for name in FIELDS})


def plan_as_json(plan: Plan) -> str:
    """Return all that *plan* says, as JSON."""
    return _json({field.name: getattr(plan, field.name) for field in fields(plan)})


def stats(response: Response) -> Iterator[tuple[str, str]]:
    """Yield what an answer took and how it ended, row by row."""
    yield "model", f"{response.provider}:{response.model}"
    yield from _tokens(response.usage)
    if response.tokens_per_second is not None:
        yield "speed", f"{response.tokens_per_second:.1f} tok/s"
    yield from _times(response.timing)
    yield "finish", _finish(response)
    if response.attempts > 1:
        yield "attempts", str(response.attempts)
    for adjustment in response.adjustments:
        yield "adjusted", str(adjustment)


def in_short(response: Response) -> str:
    """Return what an answer took, in a line."""
    return " · ".join(_in_short(response))


def others(response: Response) -> str:
    """Return the answers behind the first as they are printed; empty where there is one."""
    texts = enumerate(response.texts[1:], 2)
    return "".join(f"\n--- {number} of {len(response.texts)} ---\n{text}\n" for number, text in texts)


def changes(response: Response) -> Iterator[str]:
    """Yield the adjustments that change the answer."""
    return (str(each) for each in response.adjustments if each.verdict in CHANGING)


def _in_short(response: Response) -> Iterator[str]:
    if response.usage is not None:
        yield f"{response.usage.input_tokens:,} tokens in, {response.usage.output_tokens:,} out"
    if response.timing is not None:
        yield f"{response.timing.total:.2f} s"
    if response.tokens_per_second is not None:
        yield f"{response.tokens_per_second:,.1f} tok/s"
    if response.finish_reason not in ORDINARY:
        yield f"ended by {_finish(response)}"


def _tokens(usage: Usage | None) -> Iterator[tuple[str, str]]:
    if usage is None:
        yield "tokens", "the provider did not say"
        return

    yield "tokens in", f"{usage.input_tokens}" + _of_these(usage.cached_tokens, "cached")
    yield "tokens out", f"{usage.output_tokens}" + _of_these(usage.reasoning_tokens, "reasoning")


def _of_these(count: int, what: str) -> str:
    return f" ({count} {what})" if count else ""


def _times(timing: Timing | None) -> Iterator[tuple[str, str]]:
    if timing is None:
        return

    if timing.first_token is not None:
        yield "first token", f"{timing.first_token:.2f} s"
    yield "total", f"{timing.total:.2f} s"


def _finish(response: Response) -> str:
    stop = response.matched_stop
    return response.finish_reason + (f" ({stop!r})" if stop is not None else "")


def _json(plain: Mapping[str, Any]) -> str:
    # Where the output cannot hold every letter, JSON has its own way to write them.
    escaped = (sys.stdout.encoding or "").lower() != "utf-8"
    return json.dumps(plain, indent=2, ensure_ascii=escaped, default=_plain)


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)
