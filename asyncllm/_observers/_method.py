"""A log file of an LLM's own, and who else hears of its calls."""

from __future__ import annotations

import functools
import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from asyncllm import _log
from asyncllm._keys import Keys
from asyncllm._kinds import Whole
from asyncllm._lineage import Lineage
from asyncllm._log import LEVELS, Level
from asyncllm._model import Model
from asyncllm._vocabulary import Parameter
from asyncllm._watch import Observe
from asyncllm.errors import ConfigurationError, InvalidParameter

from . import _otel
from ._as_json import as_json
from ._lines import CallLines
from ._log_file import LogFile, Rotation, opened, real
from ._spans import Spans

if TYPE_CHECKING:
    from ._own_log import OwnLog

LIMIT = Parameter(Whole(low=1), "How large a log file may grow.", "bytes")
BACKUPS = Parameter(Whole(low=1), "How many full log files are kept.")


class Logs:
    """What an LLM tells of its calls, besides what it returns."""

    _llm_model: Model
    _llm_lineage: Lineage
    _llm_own_log: OwnLog | None = None

    @abstractmethod
    def _llm_keys(self) -> Keys:
        """Return the keys that this LLM and its copies have now, and those that they have had."""

    def enable_logging(
        self,
        log_file: str | os.PathLike[str] = "model.log",
        *,
        level: Level = "info",
        log_content: bool = False,
        max_bytes: int | None = None,
        backups: int = 5,
    ) -> Self:
        """
        Write what becomes of this LLM's calls to a file, one JSON object a line; return this LLM.

        Nothing else changes: no other logger hears of it, and no configuration is
        touched. Called again it goes on with what it is given now. Several LLMs may
        write to one file, and several processes too where none rotates it. Keys are
        starred wherever they stand. A file that cannot be written any more fails no
        call; that is said once, where the library's own lines go.

        Args:
            log_file: Lines are added to it; it and its folder are made where there is none.

            level:
                Write these lines and graver ones: ``"debug"`` also tells when calls
                begin, ``"warning"`` only what went wrong or was adjusted.

            log_content: Write prompts and answers, too.

            max_bytes: Begin a new file when this one would grow larger; by default it just grows.

            backups: How many full files to keep, as ``model.log.1`` and so on, the newest first.

        Raises:
            InvalidParameter: An argument is of the wrong kind.
            ConfigurationError: The file cannot be written.
        """
        from ._own_log import OwnLog  # noqa: PLC0415 - it brings structlog, which takes its time

        if level not in LEVELS:
            raise InvalidParameter(f"level is one of {', '.join(LEVELS)}; got {level!r}")
        if not isinstance(cast("object", log_content), bool):
            raise InvalidParameter(f"log_content takes a bool; got {log_content!r}")
        if max_bytes is not None:
            LIMIT.check("max_bytes", max_bytes)
        BACKUPS.check("backups", backups)
        file = self._llm_own_file(real(_path(log_file)), Rotation(max_bytes=max_bytes, backups=backups))
        self._llm_own_log = OwnLog(file, level=level, log_content=log_content)
        return self

    def disable_logging(self) -> Self:
        """Write no more to the log file, which closes with the last who uses it; return this LLM."""
        self._llm_own_log = None
        return self

    def log_event(self, /, message: str, *, level: Level = "info", **fields: Any) -> None:
        """
        Log something of your own, beside what is logged of the calls.

        It goes to the file that :meth:`enable_logging` named; without one, where
        the library's own lines go: to structlog where the application has
        configured it, else to the logger ``asyncllm``. Keys are starred.

        Args:
            message: What happened.

            level: How grave it is.

            fields: What is known of it. A name that each line has already gets an underscore.

        Raises:
            InvalidParameter: There is no such level, or the message is no text.
        """
        if not isinstance(cast("object", message), str):
            raise InvalidParameter(f"message takes a text; got a {type(message).__name__}")
        if level not in LEVELS:
            raise InvalidParameter(f"level is one of {', '.join(LEVELS)}; got {level!r}")
        if self._llm_own_log is None:
            keys = self._llm_keys()
            _log.log(level, keys.star(message), _log.apart(as_json(fields, keys)))
        else:
            self._llm_own_line(self._llm_own_log, level, message, _log.apart(fields))

    def _llm_warn(self, event: str, **fields: Any) -> None:
        """Log a warning where the library's own lines go, and in the log file."""
        _log.warn(event, **fields)
        if self._llm_own_log is not None:
            own = {name: value for name, value in fields.items() if name not in _log.TAKEN}
            self._llm_own_line(self._llm_own_log, "warning", event, own)

    def _llm_own_line(self, log: OwnLog, level: Level, event: str, fields: Mapping[str, Any]) -> None:
        if not log.takes(level):
            return

        log.write(
            level, event, fields, lineage=self._llm_lineage, model=self._llm_model, keys=self._llm_keys()
        )

    def _llm_own_file(self, path: Path, rotation: Rotation) -> LogFile:
        own = self._llm_own_log
        if own is None or own.file.path != path or own.file.rotation == rotation:
            return opened(path, rotation)

        # It closes here, unless somebody else writes to it; then the two have to agree.
        before, level, log_content = own.file.rotation, own.level, own.log_content
        make = type(own)
        own = self._llm_own_log = None
        try:
            return opened(path, rotation)
        except ConfigurationError:
            self._llm_own_log = make(opened(path, before), level=level, log_content=log_content)
            raise

    def _llm_observers(self) -> Sequence[Observe]:
        """Return what begins to observe a call."""
        found: list[Observe] = []
        log = self._llm_own_log
        if log is not None:
            found.append(functools.partial(CallLines, log))
        if _otel.is_set_up():
            found.append(functools.partial(Spans, content=log is not None and log.log_content))
        return found


def _path(given: Any) -> Path:
    try:
        name = os.fsdecode(given)
    except TypeError:
        name = ""
    if not name:
        raise InvalidParameter(f"log_file takes a path; got {given!r}")
    return Path(name)
