"""Which model is asked, and how: the options that commands share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias

import typer

from asyncllm._llm import LLM
from asyncllm._registry import DEFAULT_MODEL

from ._options import parameters, policies, settings

Model: TypeAlias = Annotated[
    str | None,
    typer.Option("--model", "-m", help=f"As in openai:gpt-5.2; else $ASYNCLLM_MODEL or {DEFAULT_MODEL}."),
]
Strict: TypeAlias = Annotated[
    bool, typer.Option("--strict", help="Fail where the provider would not do just what was asked.")
]
Policy: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PARAMETER=POLICY",
        help="Where one is not taken as asked: adapt, require (fail) or ignore; repeatable.",
    ),
]
Like: TypeAlias = Annotated[
    str | None, typer.Option(metavar="MODEL", help="Treat the model like this one, as in gpt-4.1.")
]
Setting: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="A setting of the provider's; repeatable."),
]
Debug: TypeAlias = Annotated[
    bool, typer.Option("--debug", envvar="ASYNCLLM_DEBUG", help="Show where an error came from.")
]


def chosen(
    model: str | None,
    *,
    strict: bool,
    policy: Sequence[str] | None,
    like: str | None,
    setting: Sequence[str] | None,
    given: Mapping[str, Any],
    **more: Any,
) -> LLM:
    """
    Return the LLM that the options stand for; *more* goes to it as it is.

    Raises:
        ConfigurationError: One of them cannot work.
    """
    return LLM(
        model,
        strict=strict,
        policy=policies(policy or []),
        like=like,
        **parameters(given),
        **settings(setting or []),
        **more,
    )
