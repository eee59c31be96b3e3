"""What an LLM is set to and what was said, in files that outlive it."""

from ._method import Checkpoints
from ._restored import Restored

__all__ = ["Checkpoints", "Restored"]
