"""
Where log lines go.

To structlog, where the application has configured it; otherwise to the
standard library's logger ``asyncllm``, which is silent until somebody listens.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

Level: TypeAlias = Literal["debug", "info", "warning", "error", "critical"]

LEVELS: Mapping[Level, int] = {
    "debug":    logging.DEBUG,
    "info":     logging.INFO,
    "warning":  logging.WARNING,
    "error":    logging.ERROR,
    "critical": logging.CRITICAL,
}  # fmt: skip

TAKEN = frozenset({"timestamp", "level", "event", "llm", "provider", "model", "call", "self", "method_name"})
"""The names that fields of lines have already, and the arguments of structlog's methods."""

logging.getLogger("asyncllm").addHandler(logging.NullHandler())


def warn(event: str, **fields: Any) -> None:
    """Log *event* with its *fields* as a warning."""
    log("warning", event, fields)


def log(level: Level, event: str, fields: Mapping[str, Any]) -> None:
    """Log *event* with its *fields*; these have names of their own (see :func:`apart`)."""
    # Not imported here: who has configured structlog has imported it, and its import takes
    # a quarter of a second (it brings rich, where that is installed).
    structlog = sys.modules.get("structlog")
    if structlog is not None and structlog.is_configured():
        getattr(structlog.get_logger("asyncllm"), level)(event, **fields)
    else:
        details = "".join(f" {name}={value!r}" for name, value in fields.items())
        logging.getLogger("asyncllm").log(LEVELS[level], "%s%s", event, details)


def apart(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a caller's *fields* with an underscore after the names that lines have already."""
    return {name + "_" * (name in TAKEN): value for name, value in fields.items()}
