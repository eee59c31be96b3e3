"""What a file says of a result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from asyncllm._types import Response
from asyncllm.batch._result import BatchResult
from asyncllm.errors import LLMError, ProviderError

Record = Mapping[str, Any]

DETAILS = ("status", "code", "request_id", "retry_after")
"""What is known of a provider's error beside its words."""


def record(result: BatchResult) -> Record:
    """Return what there is to say of *result*, under the same names for each."""
    response, error = result.response, result.error
    return {
        "index": result.index,
        "key": result.key,
        **(NOTHING if response is None else _answered(response)),
        "attempts": result.attempts,
        "seconds": None if result.timing is None else round(result.timing.total, 6),
        "error": None if error is None else _told(error),
    }


def flat(result: BatchResult) -> Record:
    """Return the same for a table: a number, a text or None in each cell."""
    told = record(result)
    usage: Record = told["usage"] or {}
    error: Record = told["error"] or {}
    changes = result.response.adjustments if result.response is not None else ()
    cells: dict[str, Any] = {
        **{name: told[name] for name in ("index", "key", "text")},
        "texts": None if told["texts"] is None else json.dumps(told["texts"], ensure_ascii=False),
        **{name: told[name] for name in ("finish_reason", "model")},
        **{name: usage.get(name) for name in ("input_tokens", "output_tokens")},
        **{name: told[name] for name in ("attempts", "seconds")},
        "adjustments": "; ".join(map(str, changes)) or None,
        "error_kind": error.get("kind"),
        "error": error.get("message"),
    }
    return {name: _sound(cell) for name, cell in cells.items()}


COLUMNS: Mapping[str, type] = {
    "index":         int,
    "key":           str,
    "text":          str,
    "texts":         str,
    "finish_reason": str,
    "model":         str,
    "input_tokens":  int,
    "output_tokens": int,
    "attempts":      int,
    "seconds":       float,
    "adjustments":   str,
    "error_kind":    str,
    "error":         str,
}  # fmt: skip
"""The columns of a table of results, and what their cells hold."""


def has_failed(told: Record) -> bool:
    """Say whether a record, or the row of a table, is that of an error."""
    return bool(told.get("error"))


def _answered(response: Response) -> Record:
    return {
        "text": response.text,
        "texts": list(response.texts) if len(response.texts) > 1 else None,
        "finish_reason": response.finish_reason,
        "model": response.model,
        "usage": None if response.usage is None else asdict(response.usage),
        "adjustments": [asdict(each) for each in response.adjustments],
    }


NOTHING: Record = dict.fromkeys(("text", "texts", "finish_reason", "model", "usage", "adjustments"))
"""What there is of an answer where there is none."""


def _told(error: LLMError) -> Record:
    known = {name: getattr(error, name) for name in DETAILS} if isinstance(error, ProviderError) else {}
    return {"kind": type(error).__name__, "message": str(error), **known}


def _sound(cell: Any) -> Any:
    """Return *cell* without halves of characters, which no table can hold."""
    return cell.encode("utf-8", "backslashreplace").decode() if isinstance(cell, str) else cell
