"""
Models in this process: a GGUF file on llama.cpp.

One thread owns each model that is loaded (``_engine``); calls from any event
loop or thread reach it through a queue and get their answer through a mailbox.
"""

from ._placement import Held, Placement
from ._provider import LlamaCppProvider

__all__ = ["Held", "LlamaCppProvider", "Placement"]
