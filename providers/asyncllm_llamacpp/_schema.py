"""
From a JSON schema to a grammar in llama.cpp's notation, GBNF.

What fits the grammar fits the schema, but for the few keywords that no grammar
can hold, which are named. The converter that comes with the binding forgets
some without a word: an ``enum`` beside several types, what ``required`` names
besides the properties, ``allOf`` beside them, the bounds of numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, cast

from asyncllm.errors import InvalidParameter

from ._gbnf import BASIS, FORMATS, array_of, literal, map_of, times, tuple_of
from ._recursion import LeftRecursive, check
from ._references import part

ANY_OBJECT: Mapping[str, Any] = {"type": "object"}

_KINDS: Mapping[str, frozenset[str]] = {
    "object":  frozenset({"properties", "required", "additionalProperties"}),
    "array":   frozenset({"items", "prefixItems", "minItems", "maxItems"}),
    "string":  frozenset({"minLength", "maxLength", "format", "pattern"}),
    "number":  frozenset({"minimum", "maximum", "multipleOf"}),
    "integer": frozenset(),
    "boolean": frozenset(),
    "null":    frozenset(),
}  # fmt: skip
"""The keywords that speak of each type; one that names no type means that of its keywords."""
_LEFT_OUT = {"format", "pattern", "minimum", "maximum", "multipleOf"}
_NOTES = {
    *("$defs", "definitions", "$schema", "$id", "$anchor", "$comment", "title", "description", "default"),
    *("examples", "deprecated", "readOnly", "writeOnly", "discriminator"),
}
"""Keywords that ask for nothing."""

_MOST = 1000
"""The highest count that the grammar holds: llama.cpp takes no more than 2000."""


def grammar(schema: Mapping[str, Any]) -> tuple[str, Sequence[str]]:
    """
    Return the grammar of *schema*, and those of its keywords that the grammar does not hold.

    Raises:
        InvalidParameter: It is no JSON schema, or nothing fits it.
    """
    converter = _Converter(schema)
    try:
        text = converter.text()
        text.encode()
    except InvalidParameter:
        raise
    except (TypeError, ValueError, AttributeError, RecursionError) as exc:
        raise InvalidParameter(f"response_format is no JSON schema: {exc}") from exc

    try:
        check(text)
    except LeftRecursive:
        raise InvalidParameter(
            "response_format has a part that stands for itself, with no object or list between: "
            "a $ref leads back to where it stands"
        ) from None
    except InvalidParameter as exc:
        raise InvalidParameter(f"response_format is too much for a grammar: {exc}") from exc

    return text, sorted(converter.left_out)


class _Converter:
    """Writes a rule for each part of a schema."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._rules: dict[str, str] = {}
        self._references: dict[str, str] = {}
        self.left_out: set[str] = set()

    def text(self) -> str:
        rules = {"root": self._value(self._schema), **BASIS, **self._rules}
        return "\n".join(f"{name} ::= {rule}" for name, rule in rules.items())

    def _named(self, rule: str = "") -> str:
        self._rules[name := f"r{len(self._rules)}"] = rule
        return name

    def _value(self, schema: Any) -> str:
        """Return the name of a rule that fits *schema*."""
        if isinstance(schema, bool):
            schema = {} if schema else {"enum": []}
        if not isinstance(schema, Mapping):
            raise InvalidParameter(f"response_format is no JSON schema: {schema!r} stands for one")

        given = cast("Mapping[str, Any]", schema)
        held, rules = self._rule(given)
        self.left_out |= (given.keys() - held - _NOTES) | (given.keys() & _LEFT_OUT)
        if not rules:
            raise InvalidParameter(f"response_format has a part that nothing fits: {schema!r}")
        return self._named(" | ".join(rules))

    def _rule(self, schema: Mapping[str, Any]) -> tuple[AbstractSet[str], Sequence[str]]:
        """Return the keywords that decide, and what may stand there."""
        if "$ref" in schema:
            return {"$ref"}, [self._referred(schema["$ref"])]
        if keyword := next((each for each in ("const", "enum") if each in schema), None):
            values: Sequence[Any] = schema["enum"] if keyword == "enum" else [schema["const"]]
            return {keyword, "type"}, [literal(value) for value in values]
        if alternatives := schema.get("anyOf") or schema.get("oneOf"):
            # Of "oneOf", that no second one fits goes unseen.
            return {"anyOf"}, [self._value(each) for each in alternatives]
        if len(schema.get("allOf", ())) == 1:
            return {"allOf"}, [self._value(schema["allOf"][0])]

        kinds = schema.get("type") or next((kind for kind in _KINDS if schema.keys() & _KINDS[kind]), "")
        several: Sequence[str] = [kinds] if isinstance(kinds, str) else kinds
        held = {"type"}.union(*(_KINDS.get(kind, ()) for kind in several))
        return held, [self._of_type(kind, schema) for kind in several]

    def _of_type(self, kind: str, schema: Mapping[str, Any]) -> str:
        written = {"object": self._object, "array": self._array, "string": self._string}
        if kind in written:
            return written[kind](schema)
        if kind not in {*_KINDS, ""}:
            raise InvalidParameter(f"response_format names a type that JSON lacks: {kind!r}")

        return kind or "value"

    def _object(self, schema: Mapping[str, Any]) -> str:
        """Return the members in their order; where any are named, there are no others."""
        others = schema.get("additionalProperties", True)
        required: Sequence[str] = schema.get("required", ())
        named: dict[str, Any] = {**schema.get("properties", {})}
        named |= {name: others for name in required if name not in named}
        if not named:
            return '"{" space "}"' if others is False else map_of(self._value(others))

        # From the last one on: what may follow where nothing is written yet, and what after something.
        first = more = '""'
        for name, member in reversed(named.items()):
            pair = f'{literal(name)} ":" space {self._value(member)} space {more}'
            first, more = (
                self._named(begun if name in required else f"{begun} | {left_out}")
                for begun, left_out in ((pair, first), (f'"," space {pair}', more))
            )
        return f'"{{" space {first} "}}"'

    def _array(self, schema: Mapping[str, Any]) -> str:
        low, high = self._count(schema, "minItems") or 0, self._count(schema, "maxItems")
        heads, items = schema.get("prefixItems", ()), schema.get("items", True)
        if not isinstance(items, bool | Mapping):  # As it was written up to draft 2019-09.
            heads = items
        if heads:
            if low > len(heads):
                self.left_out.add("minItems")
            return tuple_of([self._value(head) for head in heads[:high]])

        return array_of("value", low, 0) if items is False else array_of(self._value(items), low, high)

    def _string(self, schema: Mapping[str, Any]) -> str:
        if (shape := FORMATS.get(schema.get("format", ""))) is not None:
            self.left_out |= schema.keys() & {"minLength", "maxLength"}
            return rf'"\"" {shape} "\""'

        low, high = self._count(schema, "minLength") or 0, self._count(schema, "maxLength")
        return rf'"\"" letter{times(low, high)} "\""'

    def _count(self, schema: Mapping[str, Any], keyword: str) -> int | None:
        count: int | None = schema.get(keyword)
        if count is not None and count > _MOST:
            self.left_out.add(keyword)
            return None

        return count

    def _referred(self, reference: str) -> str:
        """Return the name of the rule for another part of the schema; it may refer to itself."""
        if reference not in self._references:
            self._references[reference] = name = self._named()
            self._rules[name] = self._value(part(self._schema, reference))
        return self._references[reference]
