"""What an LLM and its copies have in common, beyond how they are set."""

from __future__ import annotations

from secrets import token_hex

from ._keys import Keys
from ._model import Model
from ._secrets import known
from .provider import Provider


class Lineage:
    """
    An LLM and its copies: what tells them from others in a log, and every key that they have had.

    A key that is set no longer is a key all the same: a history may say it, or an
    error that comes late.
    """

    def __init__(self) -> None:
        self.id = token_hex(4)
        self._seen = Keys()

    def keys(self, model: Model, *opened: Provider) -> Keys:
        """Return all keys until now, with those of *model*, of what is *opened*, and of the environment."""
        self._seen = seen = self._seen | known(model.settings, model.rulebook, *opened)
        return seen
