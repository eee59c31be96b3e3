"""The model by its name, which can be another later on."""

from __future__ import annotations

from typing import Any, Self

from ._specification import Specified
from .rules import Rules


class Named(Specified):
    """What asks the model of a name."""

    @property
    def model_name(self) -> str:
        """Provider and model, as ``LLM(...)`` takes them where the provider is an installed one."""
        return self._llm_model.full_name

    @model_name.setter
    def model_name(self, model_name: str) -> None:
        self.set_model_name(model_name)

    @property
    def model_id(self) -> str:
        """Another name for :attr:`model_name`."""
        return self.model_name

    @model_id.setter
    def model_id(self, model_id: str) -> None:
        self.set_model_name(model_id)

    def set_model_name(
        self, model_name: str, *, like: str | None = None, rules: Rules | None = None, **settings: Any
    ) -> Self:
        """
        Ask another model from now on, of another provider if need be.

        Parameters, ``strict``, ``policy`` and ``retry`` carry over. Calls under way
        end with the model that they began with; what it holds open is closed by the
        next call in the same event loop, or by :meth:`aclose`. The same name
        again, and nothing else, changes nothing.

        Args:
            model_name:
                As for ``LLM(...)``: ``"provider:model"``, or a bare name that one
                installed provider claims. An LLM that was given its provider
                keeps it, and takes the model's name alone.

            like: As for ``LLM(...)``; what was said of the model before does not hold for another.

            rules: The same.

            settings:
                What the provider's own class takes, in place of all that there was.
                Without any, a model of the same provider is asked with the
                settings of the one before it; another provider never gets them, nor the
                key among them.

        Raises:
            ConfigurationError: One of its kinds says what cannot work; nothing has changed.
        """
        self._llm_keys()  # What has been a key by now stays one.
        self._llm_model = self._llm_model.followed_by(model_name, settings, like=like, rules=rules)
        return self

    def set_model_id(self, model_id: str) -> Self:
        """Set the model under its other name, as :meth:`set_model_name` does."""
        return self.set_model_name(model_id)
