"""Who hears of an LLM's calls: a log file of its own, and OpenTelemetry."""

from ._method import Logs

__all__ = ["Logs"]
