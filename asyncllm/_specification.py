"""An LLM as what it is made of: how it looks, and how it travels."""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import Any, Self, cast

from ._keys import Keys
from ._later import later
from ._limits import Claim, Limits
from ._lineage import Lineage
from ._model import Model
from ._parameters import Parameters
from ._policy import Policies
from ._retry import Retry
from ._vocabulary import PARAMETERS
from .errors import InvalidParameter

OWN = frozenset(
    {
        "_llm_values",
        "_llm_model",
        "_llm_policies",
        "_llm_retry",
        "_llm_claim",
        "_llm_collector",
        "_llm_tries",
        "_llm_lineage",
    }
)
"""The attributes of an LLM itself; whatever else one has, a subclass gave it."""


class Specified(Parameters):
    """
    What is made from a specification: model, parameters and settings.

    It pickles and copies as that: no client, and beyond this process no key.
    """

    _llm_values: dict[str, Any] = later()
    _llm_model: Model = later()
    _llm_policies: Policies = later()
    _llm_retry: Retry = later()
    _llm_claim: Claim | None = later()
    _llm_lineage: Lineage = later()

    @abstractmethod
    def _llm_specify(self, **specification: Any) -> None:
        """Make this anew, without what a subclass does besides."""

    @property
    def limits(self) -> Limits | None:
        """How fast to ask at most; None where this LLM limits nothing. Requests that come next keep to it."""
        return None if self._llm_claim is None else self._llm_claim.limits

    @limits.setter
    def limits(self, limits: Limits | None) -> None:
        if not isinstance(cast("object", limits), Limits | None):
            raise InvalidParameter(f"limits takes Limits, or None; got {limits!r}")
        self._llm_claim = None if limits is None else Claim(limits)

    def _llm_keys(self) -> Keys:
        """Return the keys that this LLM and its copies have now, and those that they have had."""
        return self._llm_lineage.keys(self._llm_model, *self._llm_model.opened)

    def __repr__(self) -> str:
        values = self._llm_values
        parameters = "".join(f", {name}={values[name]!r}" for name in PARAMETERS if name in values)
        return f"{type(self).__name__}({self._llm_model.full_name!r}{parameters})"

    def __getstate__(self) -> dict[str, Any]:
        """An LLM travels as its specification: no client, no key; the key is found anew where it arrives."""
        model = self._llm_model
        secret = model.rulebook.secret_settings
        return {
            "specification": {
                **self._llm_values,
                **{name: value for name, value in model.settings.items() if name not in secret},
                "model": (model.name if model.given else model.full_name) or None,
                "strict": self._llm_policies.strict,
                "policy": self._llm_policies.given,
                "like": model.like,
                "rules": model.own_rules,
                "retry": self._llm_retry,
                "limits": self.limits,
                "provider": model.given,
            },
            "attributes": {name: value for name, value in vars(self).items() if name not in OWN},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._llm_specify(**state["specification"])
        vars(self).update(state["attributes"])

    def __copy__(self) -> Self:
        """A copy stays in this process, so it keeps the key."""
        state = self.__getstate__()
        state["specification"] |= self._llm_model.settings
        twin = type(self).__new__(type(self))
        twin.__setstate__(state)
        vars(twin)["_llm_lineage"] = self._llm_lineage
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = self.__copy__()
        attributes = self.__getstate__()["attributes"]
        vars(twin).update(copy.deepcopy(attributes, memo))
        return twin
