"""The kinds of values that parameters take: each checks a value, and says in words what it takes."""

from __future__ import annotations

import json
import math
import numbers
import operator
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast


class Kind(Protocol):
    """What a parameter's values may be; ``str()`` of it says so in words."""

    def checked(self, value: Any) -> Any:
        """Return *value* in its plain form; raise TypeError or ValueError where it is none of these."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A whole number within a range."""

    low: int
    high: int | None = None

    def checked(self, value: Any) -> int:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
        if number < self.low or (self.high is not None and number > self.high):
            raise ValueError
        return number

    def __str__(self) -> str:
        return f"a whole number of at least {self.low}" + (f" and at most {self.high}" if self.high else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wholes:
    """A whole number or several, none below *low*."""

    low: int

    def checked(self, value: Any) -> tuple[int, ...]:
        several = isinstance(cast("object", value), Iterable) and not isinstance(value, str | bytes)
        given: tuple[Any, ...] = tuple(value) if several else (value,)
        if not given:
            raise ValueError
        return tuple(dict.fromkeys(Whole(low=self.low).checked(number) for number in given))

    def __str__(self) -> str:
        return f"a whole number of at least {self.low}, or several"


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number within a range; *above* is a bound that itself does not belong to it."""

    low: float = -math.inf
    high: float = math.inf
    above: float = -math.inf

    def checked(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise TypeError
        number = float(value)
        if not (self.low <= number <= self.high and number > self.above) or math.isinf(number):
            raise ValueError
        return value if isinstance(value, int) else number

    def __str__(self) -> str:
        if self.above > -math.inf:
            return f"a number above {self.above:g}"
        if self.low == -math.inf:
            return "a number"

        return f"a number from {self.low:g}" + (f" to {self.high:g}" if self.high < math.inf else " on")


@dataclass(frozen=True, slots=True)
class Flag:
    """True or False, or one of a few words besides."""

    words: tuple[str, ...] = ()

    def checked(self, value: Any) -> bool | str:
        if isinstance(value, str):
            return OneOf(self.words).checked(value)
        if not isinstance(value, bool):
            raise TypeError
        return value

    def __str__(self) -> str:
        return "True or False" + "".join(f" or {word!r}" for word in self.words)


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few words."""

    words: tuple[str, ...]

    def checked(self, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError
        return self.words[self.words.index(value)]

    def __str__(self) -> str:
        return "one of " + ", ".join(map(repr, self.words))


@dataclass(frozen=True, slots=True)
class String:
    """Any text."""

    def checked(self, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError
        value.encode()  # A lone surrogate is no text: nothing could send it.
        return value

    def __str__(self) -> str:
        return "a text"


@dataclass(frozen=True, slots=True)
class Strings:
    """A text or several, none of them empty."""

    def checked(self, value: Any) -> tuple[str, ...]:
        texts: tuple[Any, ...] = (value,) if isinstance(value, str) else tuple(value)
        if not all(isinstance(text, str) for text in texts):
            raise TypeError
        if not texts or not all(texts):
            raise ValueError
        return tuple(dict.fromkeys(String().checked(text) for text in texts))

    def __str__(self) -> str:
        return "a text that is not empty, or several"


DEVICES = ("cpu", "gpu", "cuda", "rocm", "metal", "mps", "vulkan", "sycl", "xpu")
_DEVICE = re.compile(rf"auto|({'|'.join(DEVICES)})(:\d{{1,4}})?")


@dataclass(frozen=True, slots=True)
class Device:
    """Where a model computes."""

    def checked(self, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError
        if not _DEVICE.fullmatch(value):
            raise ValueError
        return str(value)

    def __str__(self) -> str:
        kinds = ", ".join(map(repr, DEVICES))
        return f"'auto', or one of {kinds}, with a number for one of several as in 'cuda:1'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Biases:
    """A number within a range for each of some tokens."""

    low: float
    high: float

    def checked(self, value: Any) -> dict[int, float]:
        if not isinstance(cast("object", value), Mapping):
            raise TypeError
        given: Mapping[Any, Any] = value
        number = Number(low=self.low, high=self.high)
        return {_token(token): number.checked(bias) for token, bias in given.items()}

    def __str__(self) -> str:
        return f"a mapping from token ids to numbers from {self.low:g} to {self.high:g}"


def _is_keyed(value: Any) -> bool:
    return isinstance(cast("object", value), Mapping) and all(isinstance(key, str) for key in value)


def _copied(value: Any) -> dict[str, Any]:
    """Return a copy of what is to be sent as JSON, all the way down; raise where it cannot be."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    text.encode()  # A lone surrogate is no text.
    copied: dict[str, Any] = json.loads(text)
    return copied


def _token(token: Any) -> int:
    # In JSON, keys are texts.
    return Whole(low=0).checked(int(token) if isinstance(token, str) and token.isdecimal() else token)


WRAPPED = frozenset({"name", "strict", "schema"})
"""What OpenAI wraps a schema in, and every provider says in its own way."""


@dataclass(frozen=True, slots=True)
class Schema:
    """
    ``"json"`` for any JSON object, or a JSON schema.

    OpenAI's ``response_format``, and a pydantic model's class, say one too.
    """

    def checked(self, value: Any) -> str | dict[str, Any]:
        if value == "json":
            return "json"
        if isinstance(value, type) and callable(schema := getattr(value, "model_json_schema", None)):
            value = schema()
        if not isinstance(value, Mapping):
            raise TypeError
        given = _copied(value)
        kind, wrapped = given.get("type"), given.get("json_schema")
        if kind == "json_object" and given.keys() <= {"type", "schema"}:
            return given.get("schema") or "json"
        if kind == "json_schema" and isinstance(wrapped, dict) and "schema" in wrapped.keys() <= WRAPPED:
            return _copied(wrapped["schema"])
        if kind in {"json_schema", "json_object", "text"}:
            raise ValueError
        return given

    def __str__(self) -> str:
        return "'json', a JSON schema, or a pydantic model's class"


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Options of providers' own, under the providers' names."""

    def checked(self, value: Any) -> dict[str, dict[str, Any]]:
        if not _is_keyed(value):
            raise TypeError
        given: Mapping[str, Any] = value
        if not all(_is_keyed(options) for options in given.values()):
            raise TypeError
        return _copied(given)

    def __str__(self) -> str:
        return (
            "a mapping from providers' names to options as JSON, as in {'openai': {'service_tier': 'flex'}}"
        )
