"""The command line: ``asyncllm run "…"``, ``asyncllm chat``, ``asyncllm batch``, and others."""

from __future__ import annotations

import io
import sys

INSTALL = "pip install 'asyncllm-framework[cli]'"


def main() -> int:
    """Run the command that the arguments name; return its exit code, or end with it."""
    for stream in (sys.stdout, sys.stderr):
        # A model may write what this terminal cannot show: better a \u2026 in the answer than no answer.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        # Here and not above: where the extra is missing, that is a line and not a traceback.
        from ._app import app

        app(prog_name="asyncllm")
    except ModuleNotFoundError as exc:
        sys.stderr.write(f"error: the command line needs {exc.name!r}, which is not installed: {INSTALL}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    return 0
