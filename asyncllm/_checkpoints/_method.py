"""Save what an LLM is set to and what was said, and take it up again: here or with another model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from anyio.to_thread import run_sync

from asyncllm._chat import Chat
from asyncllm._creative import Creative
from asyncllm._measures import Measures
from asyncllm._policy import Policies
from asyncllm._sync import synchronous
from asyncllm._types import Adjustment
from asyncllm.errors import CheckpointError, ConfigurationError, InvalidParameter

from ._content import IDENTITY, Content, identity
from ._file import read, write
from ._kept_state import state_of, taken_up
from ._restored import Restored

File: TypeAlias = str | os.PathLike[str]


class Checkpoints(Chat, Creative, Measures):
    """What is set and said, in files."""

    async def asave_checkpoint(self, checkpoint_dir: File = "checkpoints", *, kv_state: bool = False) -> Path:
        """
        Save what is set and said to a new file and return its path.

        That is: parameters, what creative mode will put back, ``strict`` and ``policy``,
        the history, the metrics, the model's name, and the provider's settings. The file
        is JSON to be read by people, but by nobody except its owner, and the names sort
        by time. It appears in one step: whatever stops the program leaves no broken one. No
        key is in it: a secret setting is left out, and a key anywhere else is starred.

        Args:
            checkpoint_dir: Made where there is none.

            kv_state:
                Put what a model in this process has read of the history into a file
                beside it, with the ending ``.kv``: the next turn then need not read it
                again, wherever it is taken up. It can take much space: up to as much as
                the model's context does in memory.

        Raises:
            CheckpointError: Nothing was saved; earlier checkpoints are as they were.
        """
        directory = _path("checkpoint_dir", checkpoint_dir)
        content = Content(
            saved=datetime.now(UTC),
            policies=self._llm_policies,
            parameters=self.parameters,
            before_creative=self._llm_plain,
            history=tuple(self.history),
            metrics=self.metrics(),
        )
        told, state = content.told(self._llm_model, self._llm_keys()), None
        if kv_state:
            state, missing = await state_of(self._llm_model, told)
            told["left_out"] += missing
        return await run_sync(write, directory, told, content.saved, state)

    async def aload_checkpoint(self, checkpoint_path: File) -> Restored:
        """
        Take up parameters, ``strict`` and ``policy``, and history as they were saved; return what came of it.

        What is set now and was not then is set no longer, and creative mode is on where
        it was. Model and settings stay this LLM's own, so a checkpoint can be taken up
        with another model; where they differ, and what the model does not take as asked,
        the report says.

        Args:
            checkpoint_path: What :meth:`asave_checkpoint` returned.

        Raises:
            CheckpointError: The file cannot be read, or is damaged, changed, newer
                or no checkpoint; this LLM is as it was.
        """
        path = _path("checkpoint_path", checkpoint_path)
        told = await run_sync(read, path)
        try:
            content = Content.understood(told)
            left_out = tuple(map(str, told["left_out"]))
        except (ConfigurationError, ValueError) as exc:
            raise CheckpointError(f"{str(path)!r} was not loaded: {exc}") from exc

        kv_state = await taken_up(self._llm_model, path, told, content.history, content.parameters)
        adjustments, refusal = self._llm_outlook(content.parameters, content.policies)
        here: dict[str, Any] = self._llm_keys().star(identity(self._llm_model))
        self._llm_replace(content.parameters)
        self._llm_plain = content.before_creative
        self.history, self._llm_policies = content.history, content.policies
        return Restored(
            path=path,
            saved=content.saved,
            model_name=told["model_name"],
            parameters=self.parameters,
            turns=len(content.history),
            differs={name: (told[name], here[name]) for name in IDENTITY if told[name] != here[name]},
            adjustments=adjustments,
            refusal=refusal,
            left_out=left_out,
            metrics=content.metrics,
            kv_state=kv_state,
        )

    save_checkpoint = synchronous(asave_checkpoint)
    load_checkpoint = synchronous(aload_checkpoint)

    def _llm_outlook(
        self, parameters: Mapping[str, Any], policies: Policies
    ) -> tuple[tuple[Adjustment, ...], ConfigurationError | None]:
        """Return what this model would make of *parameters*, and the error that a call would raise."""
        if self._llm_model.is_nowhere:
            return (), None

        try:
            verdicts = self._llm_model.applied("?", parameters).verdicts
        except ConfigurationError as exc:
            return (), exc
        return policies.reported(verdicts), policies.refusal(verdicts)


def _path(name: str, given: Any) -> Path:
    try:
        return Path(os.fsdecode(given)).expanduser()
    except (TypeError, RuntimeError) as exc:  # No path, or a ~ of nobody's.
        raise InvalidParameter(f"{name} takes a path; got {given!r}") from exc
