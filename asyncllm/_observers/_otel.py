"""
What the application has set up of OpenTelemetry, if it has.

Nothing of it is imported before that: an application that has set up a provider
of tracers or meters has imported what it needs for that, and without one nobody
listens. So the others pay for a look into a dictionary.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from importlib import metadata
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ._conventions import SCHEMA

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.metrics import Histogram
    from opentelemetry.trace import Span, Tracer

TRACES = ("opentelemetry.trace", "get_tracer_provider")
METRICS = ("opentelemetry.metrics", "get_meter_provider")
"""Where the application's providers are."""
SECONDS = tuple(0.01 * 2**step for step in range(14))
TOKENS = tuple(4.0**step for step in range(14))
HISTOGRAMS: Mapping[str, tuple[str, str, tuple[float, ...]]] = {
    "gen_ai.client.operation.duration":            ("s", "GenAI operation duration.", SECONDS),
    "gen_ai.client.operation.time_to_first_chunk": ("s", "Time to receive the first chunk.", SECONDS),
    "gen_ai.client.token.usage": ("{token}", "Number of input and output tokens used.", TOKENS),
}  # fmt: skip
"""The metrics: each one's unit, its description, and the bounds of its classes."""


def is_set_up() -> bool:
    """Say whether the application has set up OpenTelemetry: tracing, metrics, or both."""
    if "opentelemetry" not in sys.modules:
        return False
    return _provider(*TRACES) is not None or _provider(*METRICS) is not None


def tracer() -> Tracer | None:
    """Return what begins spans, if that is set up."""
    provider = _provider(*TRACES)
    return None if provider is None else _tracers.of(provider)


def histograms() -> Mapping[str, Histogram] | None:
    """Return what takes in the metrics, by name, if that is set up."""
    provider = _provider(*METRICS)
    return None if provider is None else _histograms.of(provider)


def within(span: Span) -> Context:
    """Return a context in which *span* is the current one."""
    from opentelemetry.trace import set_span_in_context  # noqa: PLC0415 - is there, since a span is

    return set_span_in_context(span)


class Current:
    """A context within which a span is the current one."""

    def __init__(self, span: Span) -> None:
        self._context = within(span)
        self._token: Token[Context] | None = None

    def __enter__(self) -> None:
        from opentelemetry.context import attach  # noqa: PLC0415

        self._token = attach(self._context)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from opentelemetry.context import detach  # noqa: PLC0415

        # A coroutine that is dropped is closed from anywhere: the context that it ran in is gone.
        if self._token is not None and kind is not GeneratorExit:
            detach(self._token)


def _provider(api: str, getter: str) -> Any:
    """Return the provider that the application has set up for one of the signals, if it has."""
    get = getattr(sys.modules.get(api), getter, None)  # Another thread may be importing it just now.
    if get is None:
        return None

    provider = get()
    # What the API itself brings does nothing, or waits for a real one.
    return None if type(provider).__module__.startswith(api) else provider


class _Tracers:
    """The tracer of the provider that is set up: to make one for each call takes longer than the span."""

    def __init__(self) -> None:
        self._latest: tuple[object, Tracer | None] = (None, None)

    def of(self, provider: Any) -> Tracer:
        known, tracer = self._latest
        if tracer is None or known is not provider:
            tracer = provider.get_tracer("asyncllm", _version(), SCHEMA)
            self._latest = (provider, tracer)
        assert tracer is not None
        return tracer


class _Histograms:
    """The instruments of the provider that is set up: it takes each but once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: tuple[object, Mapping[str, Histogram]] = (None, {})

    def of(self, provider: Any) -> Mapping[str, Histogram]:
        with self._lock:
            if self._latest[0] is not provider:
                meter = provider.get_meter("asyncllm", _version(), SCHEMA)
                made = {
                    name: meter.create_histogram(
                        name, unit=unit, description=told, explicit_bucket_boundaries_advisory=bounds
                    )
                    for name, (unit, told, bounds) in HISTOGRAMS.items()
                }
                self._latest = (provider, made)
            return self._latest[1]


def _version() -> str:
    try:
        return metadata.version("asyncllm-framework")
    except metadata.PackageNotFoundError:  # It runs from a folder.
        return ""


_tracers = _Tracers()
_histograms = _Histograms()
