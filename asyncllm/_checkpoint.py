"""Save what an LLM is set to and what was said, and take it up again: here or with another model."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import NoneType
from typing import Any, TypeAlias

from anyio.to_thread import run_sync

from ._chat import Chat
from ._checkpoint_file import read, write
from ._policy import Policies
from ._secrets import bare, known, starred
from ._sync import synchronous
from ._types import Adjustment, Message
from ._vocabulary import ROLES, checked
from .errors import CheckpointError, ConfigurationError, InvalidParameter

File: TypeAlias = str | os.PathLike[str]

IDENTITY = ("model_name", "like", "rules", "settings")
"""What a checkpoint tells and never changes: with an address in it, a file could send a key anywhere."""

KINDS: Mapping[str, Any] = {
    "saved":      str,
    "model_name": str,
    "like":       (str, NoneType),
    "rules":      list,
    "settings":   dict,
    "strict":     bool,
    "policy":     dict,
    "parameters": dict,
    "history":    list,
    "metrics":    (dict, NoneType),
    "left_out":   list,
}  # fmt: skip
"""What a checkpoint holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a checkpoint brought, and what differs; ``print(restored)`` shows it."""

    path: Path
    saved: datetime
    """When it was saved."""
    model_name: str
    """The model that it was saved with."""
    parameters: Mapping[str, Any]
    """What is set now, by canonical name."""
    turns: int
    """How many messages the history holds now."""
    differs: Mapping[str, tuple[Any, Any]]
    """
    What was otherwise, and stays as it is here: as saved, and as it is.

    That is the model's name, ``like``, the names of ``rules``, and the provider's settings.
    """
    adjustments: tuple[Adjustment, ...]
    """What this model does not take as asked, as a response would report it."""
    refusal: ConfigurationError | None
    """The error that a call would raise now, where this model cannot be asked so."""
    left_out: tuple[str, ...]
    """What was not saved: what may be a key, and what is no text or number."""
    metrics: Mapping[str, Any] | None
    """The metrics as they were saved; those of this LLM go on."""

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        names = ", ".join(self.parameters) or "none"
        yield f"{str(self.path)!r}: saved {self.saved:%Y-%m-%d %H:%M:%S %Z} with {self.model_name!r}"
        yield f"parameters: {names}; messages: {self.turns}"
        yield from (f"differs: {what}: {old!r} -> {new!r}" for what, (old, new) in self.differs.items())
        yield from map(str, self.adjustments)
        yield from (f"not saved: {what}" for what in self.left_out)
        if self.refusal is not None:
            yield f"refused: {self.refusal}"


class Checkpoints(Chat):
    """What is set and said, in files."""

    async def asave_checkpoint(self, checkpoint_dir: File = "checkpoints") -> Path:
        """
        Save what is set and said to a new file and return its path.

        That is: parameters, ``strict`` and ``policy``, the history, the metrics, the
        model's name, and the provider's settings. The file is JSON to be read by
        people, but by nobody except its owner, and the names sort by time. It
        appears in one step: whatever stops the program leaves no broken one. No key
        is in it: a secret setting is left out, and a key anywhere else is starred.

        Args:
            checkpoint_dir: Made where there is none.

        Raises:
            CheckpointError: Nothing was saved; earlier checkpoints are as they were.
        """
        directory = _path("checkpoint_dir", checkpoint_dir)
        saved = datetime.now(UTC)
        content = self._content(saved)
        return await run_sync(write, directory, content, saved)

    async def aload_checkpoint(self, checkpoint_path: File) -> Restored:
        """
        Take up parameters, ``strict`` and ``policy``, and history as they were saved; return what came of it.

        What is set now and was not then is set no longer. Model and settings stay
        this LLM's own, so a checkpoint can be taken up with another model; where
        they differ, and what the model does not take as asked, the report says.

        Args:
            checkpoint_path: What :meth:`asave_checkpoint` returned.

        Raises:
            CheckpointError: The file cannot be read, or is damaged, changed, newer
                or no checkpoint; this LLM is as it was.
        """
        path = _path("checkpoint_path", checkpoint_path)
        content = await run_sync(read, path)
        try:
            _check_kinds(content)
            saved = datetime.fromisoformat(content["saved"])
            parameters = checked(content["parameters"])
            policies = Policies(content["policy"], strict=content["strict"])
            history = [_message(turn) for turn in content["history"]]
            left_out = tuple(map(str, content["left_out"]))
        except (ConfigurationError, ValueError) as exc:
            raise CheckpointError(f"{str(path)!r} was not loaded: {exc}") from exc

        adjustments, refusal = self._outlook(parameters, policies)
        here = starred(self._identity(), known(self._model.settings, self._model.rulebook))
        self._replace(parameters)
        self.history, self._policies = history, policies
        return Restored(
            path=path,
            saved=saved,
            model_name=content["model_name"],
            parameters=self.parameters,
            turns=len(history),
            differs={name: (content[name], here[name]) for name in IDENTITY if content[name] != here[name]},
            adjustments=adjustments,
            refusal=refusal,
            left_out=left_out,
            metrics=content["metrics"],
        )

    save_checkpoint = synchronous(asave_checkpoint)
    load_checkpoint = synchronous(aload_checkpoint)

    def _content(self, saved: datetime) -> dict[str, Any]:
        content: dict[str, Any] = {
            "saved": saved.isoformat(timespec="microseconds"),
            **self._identity(),
            "strict": self._policies.strict,
            "policy": dict(self._policies.given),
            "parameters": self.parameters,
            "history": [_turn(message) for message in tuple(getattr(self, "history", ()))],
            "metrics": _snapshot(self),
        }
        public = starred(content, known(self._model.settings, self._model.rulebook))
        lost = (name for name, value in self._model.settings.items() if value is not None)
        return {
            **public,
            "left_out": [
                *(f"the setting {name}" for name in lost if name not in content["settings"]),
                *(f"the rule for {name}" for name in content["rules"]),
                *(f"a key in {name}" for name in content if content[name] != public[name]),
            ],
        }

    def _identity(self) -> dict[str, Any]:
        hidden = self._model.rulebook.secret_settings
        settings = {
            name: _plain(bare(value)) for name, value in self._model.settings.items() if name not in hidden
        }
        return {
            "model_name": self._model.full_name,
            "like": self._model.like,
            "rules": sorted(self._model.own_rules),
            "settings": {name: value for name, value in settings.items() if value is not None},
        }

    def _outlook(
        self, parameters: Mapping[str, Any], policies: Policies
    ) -> tuple[tuple[Adjustment, ...], ConfigurationError | None]:
        """Return what this model would make of *parameters*, and the error that a call would raise."""
        try:
            verdicts = self._model.applied("?", parameters).verdicts
        except ConfigurationError as exc:
            return (), exc
        return policies.reported(verdicts), policies.refusal(verdicts)


def _path(name: str, given: Any) -> Path:
    try:
        return Path(os.fsdecode(given)).expanduser()
    except (TypeError, RuntimeError) as exc:  # No path, or a ~ of nobody's.
        raise InvalidParameter(f"{name} takes a path; got {given!r}") from exc


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


def _check_kinds(content: Mapping[str, Any]) -> None:
    for name, kind in KINDS.items():
        if name not in content or not isinstance(content[name], kind):
            raise ValueError(f"its {name} is missing, or of the wrong type")


def _snapshot(llm: object) -> dict[str, Any] | None:
    measured: Any = getattr(llm, "metrics", None)
    snapshot: Any = measured() if callable(measured) else None
    if not dataclasses.is_dataclass(snapshot) or isinstance(snapshot, type):
        return None
    figures = {name: _plain(value) for name, value in dataclasses.asdict(snapshot).items()}
    return {name: value for name, value in figures.items() if value is not None}


def _plain(value: Any) -> Any:
    """Return *value* as JSON says it; None where JSON cannot."""
    try:
        return json.loads(json.dumps(value), parse_constant=lambda _: None)
    except (TypeError, ValueError, RecursionError):
        return None
