"""An LLM as what it is made of: how it looks, and how it travels."""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import Any, Self

from ._keys import Keys
from ._later import later
from ._lineage import Lineage
from ._model import Model
from ._parameters import Parameters
from ._policy import Policies
from ._retry import Retry
from ._vocabulary import PARAMETERS

OWN = frozenset({"_values", "_model", "_policies", "_retry", "_collector", "_tries", "_lineage"})
"""The attributes of an LLM itself; whatever else one has, a subclass gave it."""


class Specified(Parameters):
    """
    What is made from a specification: model, parameters and settings.

    It pickles and copies as that: no client, and beyond this process no key.
    """

    _values: dict[str, Any] = later()
    _model: Model = later()
    _policies: Policies = later()
    _retry: Retry = later()
    _lineage: Lineage = later()

    @abstractmethod
    def _specify(self, **specification: Any) -> None:
        """Make this anew, without what a subclass does besides."""

    def _keys(self) -> Keys:
        """Return the keys that this LLM and its copies have now, and those that they have had."""
        return self._lineage.keys(self._model, *self._model.opened)

    def __repr__(self) -> str:
        values = self._values
        parameters = "".join(f", {name}={values[name]!r}" for name in PARAMETERS if name in values)
        return f"{type(self).__name__}({self._model.full_name!r}{parameters})"

    def __getstate__(self) -> dict[str, Any]:
        """An LLM travels as its specification: no client, no key; the key is found anew where it arrives."""
        model = self._model
        secret = model.rulebook.secret_settings
        return {
            "specification": {
                **self._values,
                **{name: value for name, value in model.settings.items() if name not in secret},
                "model": (model.name if model.given else model.full_name) or None,
                "strict": self._policies.strict,
                "policy": self._policies.given,
                "like": model.like,
                "rules": model.own_rules,
                "retry": self._retry,
                "provider": model.given,
            },
            "attributes": {name: value for name, value in vars(self).items() if name not in OWN},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._specify(**state["specification"])
        vars(self).update(state["attributes"])

    def __copy__(self) -> Self:
        """A copy stays in this process, so it keeps the key."""
        state = self.__getstate__()
        state["specification"] |= self._model.settings
        twin = type(self).__new__(type(self))
        twin.__setstate__(state)
        vars(twin)["_lineage"] = self._lineage
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = self.__copy__()
        attributes = self.__getstate__()["attributes"]
        vars(twin).update(copy.deepcopy(attributes, memo))
        return twin
