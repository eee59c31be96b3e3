"""What one LLM asks a gate to keep to."""

from __future__ import annotations

from ._settings import Limits


class Claim:
    """The limits of one LLM: they hold for as long as it lives, and it keeps this."""

    __slots__ = ("__weakref__", "limits")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
