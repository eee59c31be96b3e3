"""The log lines that tell of a call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from asyncllm._log import Level
from asyncllm._observer import End, Outcome
from asyncllm._retry import Wait
from asyncllm._types import Adjustment, Response
from asyncllm._watch import Watch

from ._as_json import error_fields

if TYPE_CHECKING:
    from ._own_log import OwnLog  # It brings structlog.

ENDS: Mapping[Outcome, tuple[Level, str]] = {
    "answered":  ("info", "call_answered"),
    "failed":    ("error", "call_failed"),
    "cancelled": ("warning", "call_cancelled"),
    "left":      ("info", "stream_left"),
}  # fmt: skip
"""How grave each end of a call is, and what it is called."""

HIDDEN = "…"
"""Stands for a parameter that may hold what somebody wrote."""


class CallLines:
    """
    Writes what becomes of a call.

    Args:
        log: Where to.

        watch: The call.
    """

    def __init__(self, log: OwnLog, watch: Watch) -> None:
        self._own_log = log
        self._watch = watch
        self._id = token_hex(6)
        self._write("debug", "call_began", {"streamed": watch.streamed})

    def at_work(self) -> AbstractContextManager[object]:
        return nullcontext()

    def again(self, wait: Wait) -> None:
        fields = {"attempt": wait.attempt, "wait": wait.seconds, **self._error(wait.error)}
        self._write("warning", "retry", fields)

    def over(self, end: End) -> None:
        level, event = ENDS[end.outcome]
        fields = {
            "streamed": self._watch.streamed,
            "seconds": end.seconds,
            "parameters": self._parameters(),
            **({} if end.response is None else _answer(end.response)),
            **(self._error(end.error) if end.outcome == "failed" else {}),
            **(self._content(end.response) if self._own_log.log_content else {}),
        }
        self._write(level, event, fields)

    def _write(self, level: Level, event: str, fields: Mapping[str, Any]) -> None:
        if not self._own_log.takes(level):
            return

        watch = self._watch
        self._own_log.write(
            level,
            event,
            {"call": self._id, **fields},
            lineage=watch.lineage,
            model=watch.model,
            keys=watch.keys(),
        )

    def _error(self, error: BaseException | None) -> dict[str, Any]:
        content = () if self._own_log.log_content else self._watch.content()
        return error_fields(error, self._watch.keys(), content)

    def _parameters(self) -> dict[str, Any]:
        shown: tuple[type, ...] = (int, float, *([object] if self._own_log.log_content else []))
        asked = self._watch.asked
        return {name: value if isinstance(value, shown) else HIDDEN for name, value in asked.items()}

    def _content(self, response: Response | None) -> dict[str, Any]:
        call = self._watch.prepared
        messages = () if call is None else call.request.messages
        return {
            "messages": [{"role": message.role, "content": message.text} for message in messages],
            **({} if response is None else _said(response)),
        }


def _said(response: Response) -> dict[str, Any]:
    thoughts = [choice.reasoning for choice in response.choices]
    return {"texts": response.texts, **({"reasoning": thoughts} if any(thoughts) else {})}


def _answer(response: Response) -> dict[str, Any]:
    usage, timing = response.usage, response.timing
    tokens = {} if usage is None else {name: getattr(usage, name) for name in type(usage).__slots__}
    return {
        **tokens,
        "first_token": None if timing is None else timing.first_token,
        "attempts": response.attempts,
        "finish_reason": response.finish_reason,
        "answers": len(response.choices),
        "answered_by": response.model,
        "request_id": response.request_id,
        "adjustments": _adjustments(response.adjustments),
    }


def _adjustments(adjustments: Iterable[Adjustment]) -> list[dict[str, str]]:
    """Return them without their values: these may be prompts."""
    return [
        {"parameter": each.parameter, "verdict": each.verdict, "reason": each.reason} for each in adjustments
    ]
