"""Tell OpenTelemetry of a call, as a span and in the metrics."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from asyncllm._observer import End
from asyncllm._retry import Wait
from asyncllm._watch import Watch

from . import _conventions
from ._as_json import message
from ._otel import Current, histograms, tracer, within

if TYPE_CHECKING:
    from opentelemetry.trace import Span

CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""The environment's variable that asks for prompts and answers in spans."""
ASKS_FOR_CONTENT = frozenset({"true", "1", "span_only", "span_and_event"})


class Spans:
    """
    Tells of a call as a span, and in the metrics.

    Args:
        watch: The call.

        content: Whether prompts and answers may be told; the environment may say so too.
    """

    def __init__(self, watch: Watch, *, content: bool) -> None:
        self._watch = watch
        self._content = content or os.environ.get(CONTENT, "").strip().lower() in ASKS_FOR_CONTENT
        self._server = watch.keys().star(_conventions.server_attributes(watch.model))
        self._began = time.time_ns()
        self._span = self._started()

    def at_work(self) -> AbstractContextManager[object]:
        """Make the span the current one, so that those of the HTTP client stand below it."""
        return nullcontext() if self._span is None else Current(self._span)

    def again(self, wait: Wait) -> None:
        if self._span is not None:
            self._span.add_event(
                "asyncllm.retry",
                {"attempt": wait.attempt, "wait": wait.seconds, "error.type": type(wait.error).__name__},
            )

    def over(self, end: End) -> None:
        response, streamed = end.response, self._watch.streamed
        answered = {} if response is None else _conventions.response_attributes(response, streamed=streamed)
        answered = self._watch.keys().star(answered)
        failed = _error_type(end)
        try:
            self._measure(end, answered, failed)
        finally:
            if self._span is not None:
                self._end(self._span, end, {**answered, **failed})

    def _started(self) -> Span | None:
        if (traces := tracer()) is None:
            return None

        from opentelemetry.trace import SpanKind  # noqa: PLC0415 - is there, since a tracer is

        name = f"{_conventions.OPERATION} {self._server['gen_ai.request.model']}"
        kind = SpanKind.INTERNAL if self._watch.model.rulebook.in_process else SpanKind.CLIENT
        return traces.start_span(name, kind=kind, attributes=self._server, start_time=self._began)

    def _end(self, span: Span, end: End, answered: Mapping[str, Any]) -> None:
        try:
            self._told(span, end, answered)
        finally:
            # The stream may have ended long before its caller left it.
            span.end(self._began + int(end.seconds * 1e9))

    def _told(self, span: Span, end: End, answered: Mapping[str, Any]) -> None:
        if not span.is_recording():
            return

        watch, call, keys = self._watch, self._watch.prepared, self._watch.keys()
        span.set_attributes(answered)
        if call is not None:
            span.set_attributes(keys.star(_conventions.request_attributes(call, streamed=watch.streamed)))
        if self._content:
            span.set_attributes(_conventions.content_attributes(watch.model, call, end.response, keys))
        if end.outcome == "failed":
            from opentelemetry.trace import StatusCode  # noqa: PLC0415

            span.set_status(StatusCode.ERROR, "" if end.error is None else self._message(end.error))

    def _message(self, error: BaseException) -> str:
        return message(error, self._watch.keys(), () if self._content else self._watch.content())

    def _measure(self, end: End, answered: Mapping[str, Any], failed: Mapping[str, str]) -> None:
        if (measures := histograms()) is None:
            return

        model = {name: value for name, value in answered.items() if name == "gen_ai.response.model"}
        whose = {**self._server, **model}
        context = None if self._span is None else within(self._span)
        measures["gen_ai.client.operation.duration"].record(end.seconds, {**whose, **failed}, context)
        if (first := answered.get("gen_ai.response.time_to_first_chunk")) is not None:
            measures["gen_ai.client.operation.time_to_first_chunk"].record(first, whose, context)
        for kind in ("input", "output"):
            if (tokens := answered.get(f"gen_ai.usage.{kind}_tokens")) is not None:
                counted = {**whose, "gen_ai.token.type": kind}
                measures["gen_ai.client.token.usage"].record(tokens, counted, context)


def _error_type(end: End) -> dict[str, str]:
    """Return the attribute that keeps calls apart that were not answered."""
    if end.outcome == "answered":
        return {}
    if end.outcome == "failed":
        return {"error.type": "error" if end.error is None else type(end.error).__name__}
    return {"error.type": "cancelled"}
