"""
Where log lines go.

To structlog, where the application has configured it; otherwise to the
standard library's logger ``asyncllm``, which is silent until somebody listens.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

logging.getLogger("asyncllm").addHandler(logging.NullHandler())


def warn(event: str, **fields: Any) -> None:
    """Log *event* with its *fields* as a warning."""
    # Not imported here: who has configured structlog has imported it, and its import takes
    # a quarter of a second (it brings rich, where that is installed).
    structlog = sys.modules.get("structlog")
    if structlog is not None and structlog.is_configured():
        structlog.get_logger("asyncllm").warning(event, **fields)
    else:
        details = " ".join(f"{name}={value!r}" for name, value in fields.items())
        logging.getLogger("asyncllm").warning("%s %s", event, details)
