"""
How fast to ask: as fast as the callers allow and the server bears.

Every request passes the gate of its account. There it waits for what was asked for
(:class:`Limits`) and for what was learned: how many requests the server bears at a
time (``_window``), at which rate it takes them (``_pace``), which it refuses at any
(``_refusals``), and what its headers say is left (``_allowances``). None of these
knows an event loop, or the time.
"""

from __future__ import annotations

from ._claim import Claim
from ._gate import Gate
from ._gates import gate_of
from ._settings import Limits
from ._ticket import Ticket

__all__ = ["Claim", "Gate", "Limits", "Ticket", "gate_of"]
