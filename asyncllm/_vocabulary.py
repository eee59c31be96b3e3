"""The canonical parameters: one definition each, from which types, checks, docs and options all come."""

from __future__ import annotations

import difflib
import math
import numbers
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal, Protocol, TypeAlias, TypedDict, get_type_hints

from .errors import InvalidParameter, UnknownParameter

Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
EFFORTS: tuple[Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


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

        return f"a number from {self.low:g}" + (f" to {self.high:g}" if self.high < math.inf else " on")


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


@dataclass(frozen=True, slots=True)
class Parameter:
    """The definition of one canonical parameter."""

    kind: Kind
    meaning: str
    unit: str = ""

    def check(self, name: str, value: Any) -> Any:
        """
        Return *value* in its plain form.

        Raises:
            InvalidParameter: It is of the wrong type, or outside the range.
        """
        try:
            return self.kind.checked(value)
        except (TypeError, ValueError, OverflowError):
            raise InvalidParameter(f"{name} takes {self.kind}; got {value!r}") from None


@dataclass(frozen=True, slots=True)
class AliasOf:
    """Another spelling of a canonical parameter."""

    name: str


class Params(TypedDict, total=False):
    """
    The parameters of a call, named and scaled alike for every provider.

    None stands for "not set": the key is then absent from what is sent.
    """

    max_tokens: Annotated[
        int | None, Parameter(Whole(low=1), "Stop after this many new tokens, reasoning included.", "tokens")
    ]
    temperature: Annotated[
        float | None,
        Parameter(
            Number(low=0, high=2),
            "Randomness: 0 always takes the likeliest token, 1 samples the model's own distribution.",
        ),
    ]
    top_k: Annotated[
        int | None,
        Parameter(Whole(low=0), "Sample only from this many of the likeliest tokens; 0 from all.", "tokens"),
    ]
    top_p: Annotated[
        float | None,
        Parameter(
            Number(low=0, high=1),
            "Sample only from the likeliest tokens that together hold this probability.",
        ),
    ]
    seed: Annotated[
        int | None,
        Parameter(Whole(low=0, high=2**63 - 1), "Sample the same way each time, as far as the provider can."),
    ]
    frequency_penalty: Annotated[
        float | None,
        Parameter(
            Number(low=-2, high=2), "Taken from a token's logit once for each time it was generated already."
        ),
    ]
    presence_penalty: Annotated[
        float | None,
        Parameter(
            Number(low=-2, high=2), "Taken from a token's logit if it was generated already, however often."
        ),
    ]
    repetition_penalty: Annotated[
        float | None,
        Parameter(
            Number(above=0),
            "Divides the positive logits of tokens in prompt and answer, multiplies the negative; 1 is off.",
        ),
    ]
    repition_penalty: Annotated[float | None, AliasOf("repetition_penalty")]
    stop_token: Annotated[
        str | Sequence[str] | None,
        Parameter(
            Strings(), "End the answer before this text, or the first of several; the text is left out."
        ),
    ]
    system_prompt: Annotated[
        str | None, Parameter(String(), "Instructions that come before the conversation.")
    ]
    reasoning_effort: Annotated[
        Effort | None, Parameter(OneOf(EFFORTS), "How much a reasoning model thinks before it answers.")
    ]


def _definitions() -> tuple[dict[str, Parameter], dict[str, str]]:
    parameters: dict[str, Parameter] = {}
    aliases: dict[str, str] = {}
    for name, hint in get_type_hints(Params, include_extras=True).items():
        (definition,) = hint.__metadata__
        if isinstance(definition, AliasOf):
            aliases[name] = definition.name
        else:
            parameters[name] = definition
    return parameters, aliases


_parameters, _aliases = _definitions()
PARAMETERS: Mapping[str, Parameter] = MappingProxyType(_parameters)
"""Every canonical parameter, by name."""
ALIASES: Mapping[str, str] = MappingProxyType(_aliases)
"""The canonical name behind each other spelling."""


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return *given* under canonical names, checked, and without what is None.

    Raises:
        UnknownParameter: There is no such parameter.
        InvalidParameter: A value is of the wrong type or out of range, or two
            spellings of one parameter were given different values.
    """
    values: dict[str, Any] = {}
    spelt: dict[str, str] = {}
    for spelling, value in given.items():
        name = ALIASES.get(spelling, spelling)
        if name not in PARAMETERS:
            raise unknown(spelling, (*PARAMETERS, *ALIASES))
        if value is None:
            continue
        plain = PARAMETERS[name].check(spelling, value)
        if values.setdefault(name, plain) != plain:
            raise InvalidParameter(
                f"{spelling} and {spelt[name]} are one parameter: got {value!r} and {values[name]!r}"
            )
        spelt[name] = spelling
    return values


def unknown(name: str, known: Iterable[str]) -> UnknownParameter:
    """Return the error for a keyword that nobody knows, with the nearest that somebody does."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    advice = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
    return UnknownParameter(f"unknown parameter {name!r}; {advice}")
