"""An LLM's own log lines, as JSON in a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

import structlog

from asyncllm._keys import Keys
from asyncllm._lineage import Lineage
from asyncllm._log import LEVELS, Level
from asyncllm._model import Model

from ._as_json import as_json
from ._log_file import LogFile


def _ordered(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> dict[str, Any]:
    """Put first what is read first."""
    first = {name: line[name] for name in ("timestamp", "level", "event")}
    return {**first, **line}


PROCESSORS: Sequence[Callable[[Any, str, Any], Any]] = (
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _ordered,
    structlog.processors.JSONRenderer(),
)
"""What makes a line: structlog's, and none of what the application has configured there."""


class OwnLog:
    """
    What one LLM writes to its log file.

    A copy of the LLM goes on with it. What is pickled has none: another process,
    perhaps on another machine, must not open files that nobody there asked for.

    Args:
        file: The file.

        level: Lines below it are not written.

        log_content: Whether prompts and answers may be written.
    """

    def __init__(self, file: LogFile, *, level: Level, log_content: bool) -> None:
        self.file = file
        self.level: Level = level
        self.log_content = log_content

    def takes(self, level: Level) -> bool:
        """Say whether a line so grave is written."""
        return LEVELS[level] >= LEVELS[self.level]

    def write(
        self,
        level: Level,
        event: str,
        fields: Mapping[str, Any],
        *,
        lineage: Lineage,
        model: Model,
        keys: Keys,
    ) -> None:
        """
        Write a line.

        Args:
            level: How grave it is.

            event: What happened.

            fields: What is known of it, under names of its own.

            lineage: Whose doing it is.

            model: Which model that was to do with; a class that answers by itself may have none.

            keys: Starred.
        """
        whose = {"provider": model.provider, "model": model.name} if model.name else {}
        line = as_json({"event": event, "llm": lineage.id, **whose, **fields}, keys)
        for process in PROCESSORS:
            line = process(None, level, line)
        self.file.write(line)

    def __deepcopy__(self, memo: dict[int, Any]) -> OwnLog:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _none, ()


def _none() -> None:
    """What a log is elsewhere."""
