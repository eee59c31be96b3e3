"""Options from definitions: one for every canonical parameter, and ``--setting`` for the rest."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import typer

from asyncllm._kinds import Strings
from asyncllm._llm import LLM
from asyncllm._readings import value
from asyncllm._vocabulary import ALIASES, PARAMETERS, Parameter
from asyncllm.errors import InvalidParameter

TAKEN = frozenset(inspect.signature(LLM).parameters) - {"settings"}


def with_parameters(command: Callable[..., None]) -> Callable[..., None]:
    """Give *command* an option for every canonical parameter, in place of its ``**parameters``."""
    signature = inspect.signature(command, eval_str=True)
    own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
    options = [_option(name, parameter) for name, parameter in PARAMETERS.items()]
    vars(command)["__signature__"] = signature.replace(parameters=[*own, *options])
    return command


def parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the values that the texts in *given* stand for, without the options that were not given.

    Raises:
        InvalidParameter: A parameter takes no such value.
    """
    return {name: value(name, text, _flag(name)) for name, text in given.items() if text not in (None, [])}


def settings(given: Iterable[str]) -> dict[str, Any]:
    """
    Return what ``key=value`` texts say: values as JSON where they are JSON, else as they stand.

    Raises:
        InvalidParameter: One is no ``key=value``, or its key has an option of its own.
    """
    pairs = [text.partition("=") for text in given]
    for name, equals, _ in pairs:
        # What has no equals sign is not repeated: it may be a key that was pasted alone.
        if not equals or not name.isidentifier():
            raise InvalidParameter("--setting takes key=value, as in base_url=http://localhost:8080/v1")
        if name in TAKEN:
            raise InvalidParameter(f"{name!r} is not a provider's setting; see asyncllm run --help")
    return {name: _plain(text) for name, _, text in pairs}


def policies(given: Iterable[str]) -> dict[str, Any]:
    """
    Return what ``parameter=policy`` texts say; whether there are such, the LLM knows.

    Raises:
        InvalidParameter: One has no equals sign.
    """
    pairs = [text.partition("=") for text in given]
    if not all(equals for _, equals, _ in pairs):
        raise InvalidParameter("--policy takes parameter=policy, as in seed=require")
    return {name.replace("-", "_"): policy for name, _, policy in pairs}


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _option(name: str, parameter: Parameter) -> inspect.Parameter:
    several = isinstance(parameter.kind, Strings)
    annotation: Any = list[str] | None if several else str | None
    option = typer.Option(
        None,
        _flag(name),
        *(_flag(alias) for alias, canonical in ALIASES.items() if canonical == name),
        help=f"{parameter.meaning} Takes {parameter.kind}" + ("; repeatable." if several else "."),
        metavar=(parameter.unit or "value").upper(),
        rich_help_panel="Parameters",
    )
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=annotation)


def _plain(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
