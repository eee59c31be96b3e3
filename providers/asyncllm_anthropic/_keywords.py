"""The keywords of JSON Schema, by what they are about."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

FORMATS = frozenset({
    "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid",
})  # fmt: skip
"""The formats that Anthropic holds."""

KINDS: Mapping[str, AbstractSet[str]] = {
    "object":  {"properties", "required", "additionalProperties", "patternProperties", "propertyNames",
                "minProperties", "maxProperties"},
    "array":   {"items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains", "minContains",
                "maxContains"},
    "string":  {"minLength", "maxLength", "pattern", "format"},
    "number":  {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
    "integer": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
    "boolean": set(),
    "null":    set(),
}  # fmt: skip
"""The keywords that speak of each type."""
OF_SOME_KIND = frozenset[str]().union(*KINDS.values())

ASIDE = frozenset({"$schema", "$id", "$anchor", "$comment", "discriminator"})
"""Keywords that tell the model nothing."""
NOTES = frozenset({"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"})
"""Keywords that ask for nothing."""
