"""What is typed while an answer comes, which must not show within it."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def unechoed() -> Generator[None]:
    """Let a terminal show nothing of what is typed within; it is there for the next line all the same."""
    if sys.platform == "win32" or not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield
        return

    import termios

    keys = sys.stdin.fileno()
    before = termios.tcgetattr(keys)
    *flags, local, sent, received, letters = before
    termios.tcsetattr(keys, termios.TCSANOW, [*flags, local & ~termios.ECHO, sent, received, letters])
    try:
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSANOW, before)
