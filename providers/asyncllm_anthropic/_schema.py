"""
From a JSON schema to the part of JSON Schema that Anthropic takes.

It refuses a schema with anything else in it. What can be said otherwise is; of
what cannot be held the model is told in the description, as Anthropic's own SDKs
do it. The converter in its Python SDK raises on sound schemas, though: several
types in a list, and none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import msgspec

from asyncllm.errors import InvalidParameter

from ._keywords import ASIDE, FORMATS, KINDS, NOTES, OF_SOME_KIND

Schema = Mapping[str, Any]


def fitted(schema: Schema) -> tuple[Schema, Sequence[str]]:
    """
    Return *schema* as Anthropic takes it, and those of its keywords that are not held then.

    Raises:
        InvalidParameter: It is no JSON schema.
    """
    lost: set[str] = set()
    try:
        return _part(schema, lost), sorted(lost)
    except (TypeError, ValueError, AttributeError, RecursionError) as exc:
        raise InvalidParameter(f"response_format is no JSON schema: {exc}") from exc


def _part(schema: Any, lost: set[str]) -> Any:
    if not isinstance(schema, Mapping):
        return schema

    given = cast("Schema", schema)
    if "$ref" in given:
        return _reference(given, lost)
    kinds = _kinds(given)
    if len(kinds) == 1 or {"enum", "const"} & given.keys():
        return _of_kinds(given, kinds, lost)
    return _either(given, kinds, lost)


def _kinds(schema: Schema) -> Sequence[str]:
    """Return the types that *schema* allows; one without any means that of its keywords."""
    kinds = schema.get("type") or next((kind for kind in KINDS if schema.keys() & KINDS[kind]), "")
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _reference(schema: Schema, lost: set[str]) -> Schema:
    """Return a reference, beside which nothing else may stand but definitions."""
    named = {name: _each(schema[name], lost) for name in ("$defs", "definitions") if name in schema}
    lost |= schema.keys() - {"$ref", *named} - ASIDE - NOTES
    return {**named, "$ref": schema["$ref"]}


def _either(schema: Schema, kinds: Sequence[str], lost: set[str]) -> Schema:
    """Return *schema*, which allows several types, as one alternative for each."""
    around = ASIDE | NOTES | {"$defs", "definitions"}
    inner = {name: value for name, value in schema.items() if name not in around and name != "type"}
    outer = {name: value for name, value in schema.items() if name in around}
    each = [_of_kinds({"type": kind, **inner}, [kind], lost) for kind in kinds]
    return {**_of_kinds(outer, [""], lost), "anyOf": each}


def _of_kinds(schema: Schema, kinds: Sequence[str], lost: set[str]) -> Schema:
    elsewhere = OF_SOME_KIND.difference(*(KINDS.get(kind, OF_SOME_KIND) for kind in kinds))
    held: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for name, value in schema.items():
        if name in elsewhere | ASIDE:
            continue
        if name == "type" and not isinstance(value, str):
            continue  # The values, which stand beside it, tell their types.
        if name == "oneOf" and "anyOf" not in schema:
            # That no second one fits goes unseen.
            held["anyOf"] = _SAID[name](value, lost)
        elif name != "oneOf" and _is_held(name, value):
            held[name] = _SAID[name](value, lost)
        elif name != "additionalProperties":
            told[name] = value

    kind = kinds[0] if len(kinds) == 1 else ""
    if kind and not schema.keys() & {"type", "enum", "const"}:
        held["type"] = kind
    if kind == "object":
        held["additionalProperties"] = False
        told |= _further(schema)
    lost |= told.keys() - NOTES
    return _described(held, told)


def _further(schema: Schema) -> Schema:
    """Return what *schema* says of further keys, if it is lost with them."""
    further = schema.get("additionalProperties", True)
    is_lost = isinstance(further, Mapping) or (further is not False and not schema.get("properties"))
    return {"additionalProperties": further} if is_lost else {}


def _described(held: dict[str, Any], told: Schema) -> Schema:
    if not told:
        return held

    parts = [held.get("description"), msgspec.json.encode(told).decode()]
    return {**held, "description": "\n\n".join(part for part in parts if part)}


def _as_it_is(value: Any, _lost: set[str]) -> Any:
    return value


def _each(value: Mapping[str, Any], lost: set[str]) -> Any:
    return {name: _part(part, lost) for name, part in value.items()}


def _all(value: Sequence[Any], lost: set[str]) -> Any:
    return [_part(part, lost) for part in value]


def _is_held(name: str, value: Any) -> bool:
    return name in _SAID and (name not in _HELD or _HELD[name](value))


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


_SAID: Mapping[str, Callable[[Any, set[str]], Any]] = {
    **dict.fromkeys(("$defs", "definitions", "properties"), _each),
    **dict.fromkeys(("anyOf", "oneOf", "allOf"), _all),
    **dict.fromkeys(("type", "title", "description", "required", "enum", "const", "format", "minItems"),
                    _as_it_is),
    "items": _part,
}  # fmt: skip
"""The keywords that Anthropic takes, and how their values are said."""
_HELD: Mapping[str, Callable[[Any], bool]] = {
    "enum":     lambda values: all(map(_is_plain, values)),
    "const":    _is_plain,
    "items":    lambda part: isinstance(part, Mapping | bool),
    "format":   FORMATS.__contains__,
    "minItems": (0, 1).__contains__,
}  # fmt: skip
"""Which values it takes, where not all."""
