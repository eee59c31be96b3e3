"""The threads that look at what is used."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Sampler(threading.Thread):
    """Looks for somebody who must not be held up; such threads are none of what they report."""

    def __init__(self, look: Callable[[], None], name: str) -> None:
        super().__init__(target=look, name=f"asyncllm {name}", daemon=True)


def samplers() -> int:
    """Return how many such threads this process has now."""
    return sum(isinstance(thread, Sampler) for thread in threading.enumerate())
