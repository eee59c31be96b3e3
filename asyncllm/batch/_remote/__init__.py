"""The provider's own batches: many requests in one go, answered within hours and for less."""

from ._collect import remote
from ._ledger import Ledger, RemoteBatch
from ._patience import Patience
from ._via import Via, Way, batchable, chosen

__all__ = ["Ledger", "Patience", "RemoteBatch", "Via", "Way", "batchable", "chosen", "remote"]
