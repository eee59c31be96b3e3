"""Which JSON schemas OpenAI holds an answer to (its "strict" ones)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

UNKNOWN = frozenset(
    {
        *("allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas"),
        *("patternProperties", "propertyNames", "prefixItems", "contains", "unevaluatedProperties"),
    }
)
"""Keywords of JSON Schema that OpenAI refuses in a strict schema."""


MAPPED = frozenset({"properties", "$defs", "definitions"})
"""Keywords whose value maps names to schemas."""


def is_strict(schema: Mapping[str, Any]) -> bool:
    """Say whether OpenAI can hold an answer to *schema*: an object that is closed, and all within it."""
    return schema.get("type") == "object" and "anyOf" not in schema and _is_closed(schema)


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return *schema* with its objects closed to further keys where it names some and is silent on others."""
    node = dict(schema)
    if "properties" in node:
        node.setdefault("additionalProperties", False)
    for name in MAPPED & node.keys():
        node[name] = {key: _closed(each) for key, each in node[name].items()}
    if "anyOf" in node:
        node["anyOf"] = [_closed(each) for each in node["anyOf"]]
    if "items" in node:
        node["items"] = _closed(node["items"])
    return node


def _closed(schema: Any) -> Any:
    return closed(schema) if isinstance(cast("object", schema), dict) else schema


def _is_closed(schema: object) -> bool:
    if not isinstance(schema, Mapping):
        return False

    node = cast("Mapping[str, Any]", schema)
    if UNKNOWN & node.keys() or ("$ref" in node and len(node) > 1):
        return False
    if _is_object(node) and not _requires_all(node):
        return False
    return all(map(_is_closed, _within(node)))


def _is_object(node: Mapping[str, Any]) -> bool:
    kinds = node.get("type")
    return "properties" in node or kinds == "object" or (isinstance(kinds, list) and "object" in kinds)


def _requires_all(node: Mapping[str, Any]) -> bool:
    required, properties = node.get("required", []), node.get("properties", {})
    return node.get("additionalProperties") is False and set(required) == set(properties)


def _within(node: Mapping[str, Any]) -> Iterable[object]:
    """Yield the schemas that *node* is made of."""
    for name in MAPPED:
        yield from node.get(name, {}).values()
    yield from node.get("anyOf", [])
    if "items" in node:
        yield node["items"]
