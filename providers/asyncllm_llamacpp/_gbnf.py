"""JSON in llama.cpp's notation of grammars, GBNF."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from asyncllm.errors import InvalidParameter

BASIS = {
    "space":   r'(" " | "\n" [ \t]{0,20})?',
    "letter":  r'[^"\\\x00-\x1F\x7F] | "\\" ["\\/bfnrt]',
    "string":  r'"\"" letter* "\""',
    "integer": '"-"? ("0" | [1-9] [0-9]{0,15})',
    "number":  'integer ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?',
    "boolean": '"true" | "false"',
    "null":    '"null"',
    "value":   "object | array | string | number | boolean | null",
    "object":  '"{" space (pair ("," space pair)*)? "}"',
    "pair":    'string ":" space value space',
    "array":   '"[" space (value space ("," space value space)*)? "]"',
    "date":    '[0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [12] [0-9] | "3" [01])',
    "zone":    '"Z" | [-+] ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9]',
    "time":    '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})? zone',
    "uuid":    '[0-9a-f]{8} ("-" [0-9a-f]{4}){3} "-" [0-9a-f]{12}',
}  # fmt: skip
"""Any JSON. White space has an end, or a model may never come to one."""

FORMATS = {"date": "date", "time": "time", "date-time": 'date "T" time', "uuid": "uuid"}
"""What a ``format`` looks like. Whether there is such a day is another matter, so it counts as left out."""


def array_of(item: str, low: int, high: int | None) -> str:
    """Return the rule for a list of between *low* and *high* of *item*."""
    if high is not None and high < low:
        raise InvalidParameter(f"response_format asks for at least {low} items, and at most {high}")
    if high == 0:
        return '"[" space "]"'

    more = f'("," space {item} space){times(max(low - 1, 0), None if high is None else high - 1)}'
    return f'"[" space {item} space {more} "]"' if low else f'"[" space ({item} space {more})? "]"'


def tuple_of(items: Sequence[str]) -> str:
    """Return the rule for a list of just these *items*."""
    inner = ' space "," space '.join(items)
    return f'"[" space {inner} space "]"'


def map_of(value: str) -> str:
    """Return the rule for an object that holds *value* under any names."""
    pair = f'string ":" space {value} space'
    return f'"{{" space ({pair} ("," space {pair})*)? "}}"'


def times(low: int, high: int | None) -> str:
    """Return how often what stands before it may be there."""
    return f"{{{low},{'' if high is None else high}}}"


def literal(value: Any) -> str:
    """Return *value* as it stands in JSON, quoted for the grammar."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
