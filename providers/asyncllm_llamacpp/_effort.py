"""Whether a model takes a level of effort: its chat template says so, before the model is loaded."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from asyncllm.errors import InvalidModelFile
from asyncllm.rules import Applied, Nearest, Unsupported

from ._names import located

_KEY, _STRING = b"tokenizer.chat_template", 8
_ENTRY = struct.pack("<Q", len(_KEY)) + _KEY + struct.pack("<I", _STRING)
_LENGTH = struct.Struct("<Q")
_WITHIN = 2**26
"""Bytes of a file that are looked through: a header with the largest vocabulary takes a fifth of them."""

_KNOWN = Nearest("reasoning_effort", ("low", "medium", "high"))
_UNKNOWN = Unsupported("the model's chat template has no levels of thinking; thinking_budget limits it")


@dataclass(frozen=True, slots=True)
class Levels:
    """The model's chat template may take a level (a row for ``reasoning_effort``)."""

    model: str

    def apply(self, name: str, value: str, asked: Mapping[str, Any]) -> Applied:
        if value == "none":
            reason = "the prompt says that the model is not to think, or that it has thought"
            return Applied(verdict="renamed", sent=value, reason=reason, options={name: value})
        return (_KNOWN if _has_levels(self.model) else _UNKNOWN).apply(name, value, asked)


def _has_levels(model: str) -> bool:
    try:
        path = located(model)
        state = path.stat()
        return state.st_size > 0 and b"reasoning_effort" in _template(path, state.st_mtime_ns)
    except (OSError, InvalidModelFile):
        return False  # That there is no such file is for the call to say.


@lru_cache(maxsize=8)
def _template(path: Path, _changed: int) -> bytes:
    """Return the chat template in the header of *path*; nothing where it has none."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(_ENTRY, 0, _WITHIN) + len(_ENTRY)
        if at < len(_ENTRY) or at + _LENGTH.size > len(data):
            return b""
        (length,) = _LENGTH.unpack_from(data, at)
        start = at + _LENGTH.size
        return data[start : min(start + length, _WITHIN)]
