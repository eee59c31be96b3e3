"""Which of a provider's models take the same parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ._conditions import Assumed
from ._row import Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Models that take the same parameters."""

    models: tuple[str, ...]
    """Patterns of their names."""
    rules: Rules
    example: str
    """The name of one of them."""


def bare(model: str) -> str:
    """Return *model* without the vendor that gateways put before it: of ``"openai/GPT-4.1"``, gpt-4.1."""
    return model.rpartition("/")[2].lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Families:
    """A provider's families; the first whose pattern fits a model is the model's."""

    of: Mapping[str, Family]
    newest: str
    """The family that a model in no table is taken for."""
    newest_is: str
    """What that is, in words: ``"OpenAI's newest family, gpt-6.2"``."""
    base: Callable[[str], str] = bare
    """From a model's name to the one that the patterns fit."""

    def named(self, model: str) -> str | None:
        """Return the name of the family of *model*; None where it has none."""
        base = self.base(model)
        fits = (
            name
            for name, family in self.of.items()
            if any(fnmatchcase(base, pattern) for pattern in family.models)
        )
        return next(fits, None)

    def rules(self, model: str) -> Rules:
        """Return the rules for *model*; without a family, those of the newest and a row that says so."""
        name = self.named(model)
        if name is None:
            return {**self.of[self.newest].rules, "model_name": Assumed(self.newest_is)}
        return self.of[name].rules
