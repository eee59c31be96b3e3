"""How busy an engine is, in figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How busy an engine is."""

    running: int = 0
    """Calls that are being answered."""
    waiting: int = 0
    """Calls whose turn has not come."""
    cells_used: int = 0
    """Tokens in the model's memory."""
    cells: int = 0
    """Tokens that there is room for."""
    working: float = 0.0
    """Seconds that its steps took so far."""
    decoding: float = 0.0
    """Seconds of these that llama.cpp computed."""

    def gauges(self) -> dict[str, float]:
        """Return them under the names that a report has for them."""
        return {
            "sequences_running": self.running,
            "sequences_waiting": self.waiting,
            "context_used": self.cells_used,
            "context_size": self.cells,
        }
