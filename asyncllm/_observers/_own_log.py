"""An LLM's own log lines, as JSON in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from secrets import token_hex
from typing import Any

import structlog

from asyncllm._log import LEVELS, Level
from asyncllm._model import Model
from asyncllm._secrets import longest_first

from ._log_file import LogFile
from ._plain import plain


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
        self._file = file
        self.log_content = log_content
        self._level: Level = level
        self._id = token_hex(4)
        self._keys: frozenset[str] = frozenset()

    def takes(self, level: Level) -> bool:
        """Say whether a line so grave is written."""
        return LEVELS[level] >= LEVELS[self._level]

    def write(
        self, level: Level, event: str, fields: Mapping[str, Any], *, model: Model | None, keys: Iterable[str]
    ) -> None:
        """
        Write a line.

        Args:
            level: How grave it is.

            event: What happened.

            fields: What is known of it, under names of its own.

            model: Whose doing it is, if there is one.

            keys: Starred, and from now on in every line: a key that is set no longer is a key all the same.
        """
        self._keys = known = self._keys.union(keys)
        whose = {} if model is None else {"provider": model.provider, "model": model.name}
        line = plain({"event": event, "llm": self._id, **whose, **fields}, longest_first(known))
        for process in PROCESSORS:
            line = process(None, level, line)
        self._file.write(line)

    def __deepcopy__(self, memo: dict[int, Any]) -> OwnLog:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _none, ()


def _none() -> None:
    """What a log is elsewhere."""
