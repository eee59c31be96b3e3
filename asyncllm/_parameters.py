"""The parameters of an LLM as attributes that check what is set."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, Self, TypeVar, overload

from ._types import Role
from ._vocabulary import ALIASES, PARAMETERS, Effort, checked

T = TypeVar("T")

WRITING = threading.Lock()
"""Held while one parameter is put beside the others: of two writers, neither undoes what the other did."""


class Attribute(Generic[T]):
    """One parameter: reads as its value, or None where it is not set; what is set is checked."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = ALIASES.get(name, name)
        self.__doc__ = PARAMETERS[self._name].meaning

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: Parameters, owner: type) -> T | None: ...

    def __get__(self, instance: Parameters | None, owner: type) -> Self | T | None:
        return self if instance is None else instance.parameter(self._name)

    def __set__(self, instance: Parameters, value: T | None) -> None:
        instance.set_parameter(self._name, value)

    def __delete__(self, instance: Parameters) -> None:
        instance.set_parameter(self._name, None)


class Parameters:
    """What holds for every call, unless the call says otherwise."""

    max_tokens = Attribute[int]()
    max_length = Attribute[int]()
    temperature = Attribute[float]()
    top_k = Attribute[int]()
    top_p = Attribute[float]()
    min_p = Attribute[float]()
    do_sample = Attribute[bool]()
    seed = Attribute[int]()
    num_return_sequences = Attribute[int]()
    num_beams = Attribute[int]()
    beam_width = Attribute[int]()
    length_penalty = Attribute[float]()
    early_stopping = Attribute[bool | Literal["never"]]()
    frequency_penalty = Attribute[float]()
    freq_penalty = Attribute[float]()
    presence_penalty = Attribute[float]()
    repetition_penalty = Attribute[float]()
    repition_penalty = Attribute[float]()
    logit_bias = Attribute[Mapping[int, float]]()
    logprobs = Attribute[int]()
    stop_token = Attribute[str | Sequence[str]]()
    eos_token_id = Attribute[int | Sequence[int]]()
    stop_token_id = Attribute[int | Sequence[int]]()
    bos_token_id = Attribute[int]()
    pad_token_id = Attribute[int]()
    system_prompt = Attribute[str]()
    role = Attribute[Role]()
    reasoning_effort = Attribute[Effort]()
    thinking_budget = Attribute[int]()
    response_format = Attribute[Literal["json"] | Mapping[str, Any] | type]()
    device = Attribute[str]()
    timeout = Attribute[float]()
    provider_options = Attribute[Mapping[str, Mapping[str, Any]]]()

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._llm_values = checked(given)

    @property
    def parameters(self) -> dict[str, Any]:
        """What is set, by canonical name: a copy, so that a setter does not reach a call in flight."""
        return copy.deepcopy(self._llm_values)

    def parameter(self, name: str) -> Any:
        """Return a copy of what the parameter *name* (a canonical one) is set to; None is "not set"."""
        return copy.deepcopy(self._llm_values.get(name))

    def set_parameter(self, name: str, value: Any) -> None:
        """
        Set the parameter *name*; None is "not set".

        Raises:
            UnknownParameter: There is no such parameter.
            InvalidParameter: The value is of the wrong type or out of range.
        """
        plain = checked({name: value})
        own = ALIASES.get(name, name)
        with WRITING:
            # Anew: who reads the old ones meanwhile, in another thread, reads them to the end.
            kept = {each: old for each, old in self._llm_values.items() if each != own or plain}
            self._llm_values = {**kept, **plain}

    def _llm_replace(self, values: Mapping[str, Any]) -> None:
        """Put checked *values* in the place of all that is set."""
        self._llm_values = dict(values)
