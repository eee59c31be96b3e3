"""The canonical parameters: one definition each, from which types, checks, docs and options all come."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias, TypedDict, get_type_hints

from ._kinds import (
    Biases,
    Device,
    Flag,
    Kind,
    Namespaces,
    Number,
    OneOf,
    Schema,
    String,
    Strings,
    Whole,
    Wholes,
)
from ._types import Role
from .errors import InvalidParameter, UnknownParameter

Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
EFFORTS: tuple[Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
ROLES: tuple[Role, ...] = ("system", "developer", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Beside:
    """What a parameter is beside another: a contradiction, or idle."""

    other: str
    holds: Callable[[Any, Any], bool]
    """Whether it is so: for the parameter's value, and the other's; None where that is not set."""
    reason: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """The definition of one canonical parameter."""

    kind: Kind
    meaning: str
    unit: str = ""
    sample: Any = None
    """An ordinary value that asks for something: what tables are tried with."""
    clashes: tuple[Beside, ...] = ()
    """Where it contradicts another."""
    idle: tuple[Beside, ...] = ()
    """Where it has nothing to do."""

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


_GREEDY = Beside(
    "do_sample", lambda _, samples: samples is False, "do_sample=False always takes the likeliest token"
)
_NO_BEAMS = Beside("num_beams", lambda _, beams: beams in {None, 1}, "there is no beam search: see num_beams")
_NEVER_SAMPLES = Beside(
    "temperature",
    lambda samples, heat: samples and heat == 0,
    "do_sample=True samples, and temperature=0 never does",
)
_TOO_FEW_BEAMS = Beside(
    "num_beams",
    lambda texts, beams: beams is not None and 1 < beams < texts,
    "beam search returns at most as many sequences as there are beams",
)


class Params(TypedDict, total=False):
    """
    The parameters of a call, named and scaled alike for every provider.

    None stands for "not set": the key is then absent from what is sent.
    """

    max_tokens: Annotated[
        int | None,
        Parameter(Whole(low=1), "Stop after this many new tokens, reasoning included.", "tokens", 100),
    ]
    max_length: Annotated[
        int | None,
        Parameter(
            Whole(low=1),
            "Stop where prompt and answer together reach this many; with max_tokens, the tighter one holds.",
            "tokens",
            1000,
        ),
    ]
    temperature: Annotated[
        float | None,
        Parameter(
            Number(low=0, high=2),
            "Randomness: 0 always takes the likeliest token, 1 samples the model's own distribution.",
            sample=0.7,
            idle=(_GREEDY,),
        ),
    ]
    top_k: Annotated[
        int | None,
        Parameter(
            Whole(low=0),
            "Sample only from this many of the likeliest tokens; 0 from all.",
            "tokens",
            40,
            idle=(_GREEDY,),
        ),
    ]
    top_p: Annotated[
        float | None,
        Parameter(
            Number(low=0, high=1),
            "Sample only from the likeliest tokens that together hold this probability.",
            sample=0.9,
            idle=(_GREEDY,),
        ),
    ]
    min_p: Annotated[
        float | None,
        Parameter(
            Number(low=0, high=1),
            "Sample only from tokens at least this likely, measured by the likeliest; 0 is off.",
            sample=0.1,
            idle=(_GREEDY,),
        ),
    ]
    do_sample: Annotated[
        bool | None,
        Parameter(
            Flag(),
            "Sample; False always takes the likeliest token.",
            sample=False,
            clashes=(_NEVER_SAMPLES,),
        ),
    ]
    seed: Annotated[
        int | None,
        Parameter(
            Whole(low=0, high=2**63 - 1),
            "Sample the same way each time, as far as the provider can.",
            sample=7,
        ),
    ]
    num_return_sequences: Annotated[
        int | None,
        Parameter(
            Whole(low=1, high=128),
            "Return this many answers; where several calls make them, with seeds that follow each other.",
            "answers",
            3,
            clashes=(_TOO_FEW_BEAMS,),
        ),
    ]
    num_beams: Annotated[
        int | None,
        Parameter(
            Whole(low=1, high=128), "Search with this many beams at a time; 1 is no beam search.", "beams", 4
        ),
    ]
    beam_width: Annotated[
        int | None,
        AliasOf("num_beams"),
    ]
    length_penalty: Annotated[
        float | None,
        Parameter(
            Number(),
            "In beam search, a score is divided by the length to this power: above 0 favours longer answers.",
            sample=1.5,
            idle=(_NO_BEAMS,),
        ),
    ]
    early_stopping: Annotated[
        bool | Literal["never"] | None,
        Parameter(
            Flag(("never",)),
            "In beam search, end with as many answers as there are beams; 'never' looks on for better ones.",
            sample=True,
            idle=(_NO_BEAMS,),
        ),
    ]
    frequency_penalty: Annotated[
        float | None,
        Parameter(
            Number(low=-2, high=2),
            "Taken from a token's logit once for each time it was generated already.",
            sample=0.5,
        ),
    ]
    freq_penalty: Annotated[
        float | None,
        AliasOf("frequency_penalty"),
    ]
    presence_penalty: Annotated[
        float | None,
        Parameter(
            Number(low=-2, high=2),
            "Taken from a token's logit if it was generated already, however often.",
            sample=0.5,
        ),
    ]
    repetition_penalty: Annotated[
        float | None,
        Parameter(
            Number(above=0),
            "Divides the positive logits of tokens in prompt and answer, multiplies the negative; 1 is off.",
            sample=1.2,
        ),
    ]
    repition_penalty: Annotated[
        float | None,
        AliasOf("repetition_penalty"),
    ]
    logit_bias: Annotated[
        Mapping[int, float] | None,
        Parameter(Biases(low=-100, high=100), "Added to the logits of single tokens.", sample={42: -5}),
    ]
    logprobs: Annotated[
        int | None,
        Parameter(
            Whole(low=0, high=20),
            "Tell each token's log probability, and those of this many of the likeliest in its place.",
            "tokens",
            2,
        ),
    ]
    stop_token: Annotated[
        str | Sequence[str] | None,
        Parameter(
            Strings(),
            "End the answer before this text, or the first of several; the text is left out.",
            sample=("###",),
        ),
    ]
    eos_token_id: Annotated[
        int | Sequence[int] | None,
        Parameter(Wholes(low=0), "End the answer with this token too, or with one of several.", sample=(2,)),
    ]
    stop_token_id: Annotated[
        int | Sequence[int] | None,
        AliasOf("eos_token_id"),
    ]
    bos_token_id: Annotated[
        int | None,
        Parameter(Whole(low=0), "Begin the prompt with this token.", sample=1),
    ]
    pad_token_id: Annotated[
        int | None,
        Parameter(Whole(low=0), "Fill up the shorter rows of a matrix of tokens with this one.", sample=0),
    ]
    system_prompt: Annotated[
        str | None,
        Parameter(String(), "Instructions that come before the conversation.", sample="Be brief."),
    ]
    role: Annotated[
        Role | None,
        Parameter(OneOf(ROLES), "Who says the task, where it is a text; user by default.", sample="system"),
    ]
    reasoning_effort: Annotated[
        Effort | None,
        Parameter(OneOf(EFFORTS), "How much a reasoning model thinks before it answers.", sample="high"),
    ]
    thinking_budget: Annotated[
        int | None,
        Parameter(Whole(low=0), "Think for at most this many tokens; 0 is not at all.", "tokens", 2048),
    ]
    response_format: Annotated[
        Literal["json"] | Mapping[str, Any] | type | None,
        Parameter(
            Schema(),
            "Answer in JSON: any object, or what fits a schema.",
            sample={
                "type": "object",
                "properties": {"answer": {"type": "string"}},
                "required": ["answer"],
                "additionalProperties": False,
            },
        ),
    ]
    device: Annotated[
        str | None,
        Parameter(Device(), "Where a model in this process computes.", sample="cpu"),
    ]
    timeout: Annotated[
        float | None,
        Parameter(Number(above=0), "Give the call up after this long, retries included.", "seconds", 60),
    ]
    provider_options: Annotated[
        Mapping[str, Mapping[str, Any]] | None,
        Parameter(
            Namespaces(), "Options for a provider's own keys, under its name, sent as they stand.", sample={}
        ),
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


OF_LLM = frozenset(
    {"model", "model_name", "model_id", "strict", "policy", "like", "rules", "retry", "provider"}
)
"""Keywords of an LLM that are no parameters."""


def described() -> str:
    """Return what each parameter means and takes: a part of docstrings."""
    return "\n".join(
        f"    {name}: {parameter.meaning} Takes {parameter.kind}." for name, parameter in PARAMETERS.items()
    )


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
    return consistent(values)


def consistent(values: dict[str, Any]) -> dict[str, Any]:
    """
    Return *values* if none of them contradicts another.

    Raises:
        InvalidParameter: One does.
    """
    for name, value in values.items():
        for clash in PARAMETERS[name].clashes:
            if clash.holds(value, other := values.get(clash.other)):
                raise InvalidParameter(f"{name}={value!r} and {clash.other}={other!r}: {clash.reason}")
    return values


def unknown(name: str, known: Iterable[str]) -> UnknownParameter:
    """Return the error for a keyword that nobody knows, with the nearest that somebody does."""
    if name in OF_LLM:
        return UnknownParameter(f"{name!r} is given to LLM(), not to a single call")
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    advice = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
    return UnknownParameter(f"unknown parameter {name!r}; {advice}")
