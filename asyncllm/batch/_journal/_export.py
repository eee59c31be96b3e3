"""What a journal has of its items, for other programs."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal, TextIO, TypeAlias, cast

from asyncllm._types import Adjustment, Choice, Response, Timing, TokenLogprob, Usage
from asyncllm.errors import InvalidParameter, LLMError

from ._plain import error_of, of_item, response_of, timing_of

if TYPE_CHECKING:
    from sqlite3 import Connection

Format: TypeAlias = Literal["jsonl", "csv"]
Item: TypeAlias = dict[str, Any]
Write: TypeAlias = Callable[[Iterable[Item]], None]
Place: TypeAlias = tuple[int, int]

START: Place = (-1, -1)
AT_A_TIME = 200
"""Items that are read at a time: no reader holds a journal up that is being written."""

FIELDS: Mapping[str, Sequence[str]] = {
    kind.__name__: [field.name for field in fields(kind) if field.name != "raw"]
    for kind in (Adjustment, Choice, Response, Timing, TokenLogprob, Usage)
}
"""What there is to tell of each part of a response."""

CELLS: Mapping[str, Callable[[Item], Any]] = {
    "index":         lambda item: item["index"],
    "key":           lambda item: item["key"],
    "state":         lambda item: item["state"],
    "text":          lambda item: item["text"],
    "error":         lambda item: item["error"] and f"{item['error']['kind']}: {item['error']['message']}",
    "finish_reason": lambda item: item["response"] and item["response"]["choices"][0]["finish_reason"],
    "model":         lambda item: item["response"] and item["response"]["model"],
    "input_tokens":  lambda item: _tokens(item, "input_tokens"),
    "output_tokens": lambda item: _tokens(item, "output_tokens"),
    "attempts":      lambda item: item["attempts"],
}  # fmt: skip
"""What stands in a table; JSON lines have all there is."""


def items_after(journal: Connection, place: Place) -> tuple[list[Item], Place]:
    """Return the next items in the order of their indices, and where they end."""
    query = (
        "SELECT idx, rowid, key, state, attempts, timing, error, prompt, response FROM items "
        "WHERE (idx, rowid) > (?, ?) ORDER BY idx, rowid LIMIT ?"
    )
    rows = journal.execute(query, (*place, AT_A_TIME)).fetchall()
    items = [_item(index, *rest) for index, _, *rest in rows]
    return items, rows[-1][:2] if rows else place


def as_lines(out: TextIO) -> Write:
    """Return what writes items to *out*, one JSON object a line."""
    # Half a character has an escape in JSON, and in no file.
    return lambda items: out.writelines(json.dumps(item) + "\n" for item in items)


def as_table(out: TextIO) -> Write:
    """Return what writes items to *out* as CSV, below a line with the names of the columns."""
    table = csv.writer(out, lineterminator="\n")
    table.writerow(CELLS)
    return lambda items: table.writerows([cell(item) for cell in CELLS.values()] for item in items)


WRITERS: Mapping[Format, Callable[[TextIO], Write]] = {"jsonl": as_lines, "csv": as_table}


def as_format(text: str) -> Format:
    """
    Return the format that *text* names.

    Raises:
        InvalidParameter: It names none.
    """
    for known in WRITERS:
        if text == known:
            return known
    raise InvalidParameter(f"the format is {' or '.join(map(repr, WRITERS))}; got {text!r}")


def _item(
    index: int,
    key: str,
    state: str,
    attempts: int,
    timing: str | None,
    error: str | None,
    prompt: str | None,
    response: str | None,
) -> Item:
    with of_item(key):
        answer = None if response is None else response_of(response)
        asked: Item = {} if prompt is None else {"messages": json.loads(prompt)}
        return {
            "index": index,
            "key": key,
            "state": state,
            **asked,
            "text": None if answer is None else answer.text,
            "error": None if error is None else _failure(error_of(error)),
            "attempts": attempts,
            "timing": None if timing is None else _plain(timing_of(timing)),
            "response": _plain(answer),
        }


def _failure(error: LLMError) -> Item:
    known: Item = _plain(vars(error))
    return {"kind": type(error).__name__, "message": str(error), **known}


def _tokens(item: Item, name: str) -> int | None:
    answer: Item = item["response"] or {}
    usage: Item = answer.get("usage") or {}
    return usage.get(name)


def _plain(value: Any) -> Any:
    """Return *value* as any reader of JSON takes it: none knows of infinity."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(each) for each in cast("Sequence[Any]", value)]
    if isinstance(cast("object", value), Mapping):
        pairs: Mapping[Any, Any] = value
        return {str(name): _plain(each) for name, each in pairs.items()}
    return {name: _plain(getattr(value, name)) for name in FIELDS[type(value).__name__]}
