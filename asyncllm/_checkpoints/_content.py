"""What a checkpoint holds, and whether what one holds is sound."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import Any

from asyncllm._creative import CREATIVE
from asyncllm._keys import Keys
from asyncllm._kinds import Device, Flag, OneOf
from asyncllm._metrics import Metrics
from asyncllm._model import Model
from asyncllm._policy import Policies
from asyncllm._secrets import bare
from asyncllm._types import Message
from asyncllm._vocabulary import PARAMETERS, ROLES, checked
from asyncllm.errors import CheckpointError

IDENTITY = ("model_name", "like", "rules", "settings")
"""What a checkpoint tells and never changes: with an address in it, a file could send a key anywhere."""

KINDS: Mapping[str, Any] = {
    "saved":           str,
    "model_name":      str,
    "like":            (str, NoneType),
    "rules":           list,
    "settings":        dict,
    "strict":          bool,
    "policy":          dict,
    "parameters":      dict,
    "before_creative": (dict, NoneType),
    "history":         list,
    "metrics":         (dict, NoneType),
    "left_out":        list,
}  # fmt: skip
"""What a checkpoint holds."""

WORDED = frozenset(name for name, each in PARAMETERS.items() if isinstance(each.kind, OneOf | Flag | Device))
"""Parameters whose values are words of ours, and no keys, even where one is called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is saved of an LLM, besides which model it asks."""

    saved: datetime
    policies: Policies
    parameters: Mapping[str, Any]
    before_creative: Mapping[str, Any] | None
    """What held before creative mode was turned on; None while it is off."""
    history: Sequence[Message]
    metrics: Metrics | None

    def told(self, model: Model, keys: Keys) -> dict[str, Any]:
        """Return it as what JSON can hold, with *model*'s identity and without *keys*."""
        content: dict[str, Any] = {
            "saved": self.saved.isoformat(timespec="microseconds"),
            **identity(model),
            "strict": self.policies.strict,
            "policy": dict(self.policies.given),
            "parameters": dict(self.parameters),
            "before_creative": None if self.before_creative is None else dict(self.before_creative),
            "history": [_turn(message) for message in self.history],
            "metrics": None if self.metrics is None else self.metrics.as_dict(),
        }
        public = {name: starred(name, value, keys) for name, value in content.items()}
        lost = (name for name, value in model.settings.items() if value is not None)
        return {
            **public,
            "left_out": [
                *(f"the setting {name}" for name in lost if name not in content["settings"]),
                *(f"the rule for {name}" for name in content["rules"]),
                *(f"a key in {name}" for name in content if content[name] != public[name]),
            ],
        }

    @classmethod
    def understood(cls, content: Mapping[str, Any]) -> Content:
        """
        Return what *content* says.

        Raises:
            ConfigurationError, ValueError: It is not sound.
        """
        for name, kind in KINDS.items():
            if name not in content or not isinstance(content[name], kind):
                raise ValueError(f"its {name} is missing, or of the wrong type")
        metrics = content["metrics"]
        return cls(
            saved=datetime.fromisoformat(content["saved"]),
            policies=Policies(content["policy"], strict=content["strict"]),
            parameters=checked(content["parameters"]),
            before_creative=_before_creative(content["before_creative"]),
            history=[_message(turn) for turn in content["history"]],
            metrics=None if metrics is None else Metrics.from_dict(metrics),
        )


def starred(name: str, value: Any, keys: Keys) -> Any:
    """Return *value*, of the field *name*, with stars for *keys*; the words that are ours stay."""
    match name:
        case "saved" | "strict" | "policy":
            return value
        case "history":
            return [{**turn, "content": keys.star(turn["content"])} for turn in value]
        case "parameters":
            return {each: told if each in WORDED else keys.star(told) for each, told in value.items()}
        case _:
            return keys.star(value)


def identity(model: Model) -> dict[str, Any]:
    """Return which model is asked, and how it is reached, without what is secret."""
    hidden = model.rulebook.secret_settings
    settings = {name: _plain(bare(value)) for name, value in model.settings.items() if name not in hidden}
    return {
        "model_name": model.full_name,
        "like": model.like,
        "rules": sorted(model.own_rules),
        "settings": {name: value for name, value in settings.items() if value is not None},
    }


def _before_creative(given: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if given is None:
        return None
    if not given.keys() <= CREATIVE.keys():
        raise ValueError("its before_creative holds something else than what creative mode sets")

    known = checked({name: value for name, value in given.items() if value is not None})
    return {name: known.get(name) for name in given}


def _turn(message: Any) -> dict[str, str]:
    if not isinstance(message, Message):
        raise CheckpointError(f"the history is to hold messages; it holds a {type(message).__name__}")
    return {"role": message.role, "content": message.text}


def _message(turn: Any) -> Message:
    match turn:
        case {"role": str(role), "content": str(content), **rest} if role in ROLES and not rest:
            content.encode()  # Half a character is no text: nothing could send it.
            return Message(role, content)
        case _:
            raise ValueError("its history holds something else than messages")


def _plain(value: Any) -> Any:
    """Return *value* as JSON says it; None where JSON cannot."""
    try:
        return json.loads(json.dumps(value), parse_constant=lambda _: None)
    except (TypeError, ValueError, RecursionError):
        return None
