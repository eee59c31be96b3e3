"""How long to wait for a vendor's batch before looking at it again."""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """The waits while batches are at the vendor's, in seconds."""

    first: float = 10.0
    """Before the first look."""
    growth: float = 1.5
    """Each wait is this many times the one before."""
    longest: float = 60.0
    """No wait is longer."""
    settling: float = 15.0
    """Until a batch that was submitted is listed at the vendor's: one that is missing then does not exist."""
    crowded: float = 300.0
    """Before a batch is submitted again that was refused because too many tokens are waiting already."""

    def waits(self) -> Generator[float]:
        """Give the waits, without end; each is up to a fifth shorter or longer, so that many spread out."""
        wait = self.first
        while True:
            yield wait * random.uniform(0.8, 1.2)  # noqa: S311  # no secret
            wait = min(wait * self.growth, self.longest)
