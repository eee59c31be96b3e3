"""Past one machine: a stage of Ray Data that asks an LLM for every row of a dataset."""

from __future__ import annotations

from ._asker import Asker
from ._share import share
from ._stage import ask

__all__ = ["Asker", "ask", "share"]
