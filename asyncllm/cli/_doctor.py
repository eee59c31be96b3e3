"""``asyncllm doctor``: what is installed, set up and there; and where a model comes to be."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import anyio
import typer

from ._model_options import Debug, Like, Policy, Setting, Strict, chosen
from ._options import settings, with_parameters
from ._outcomes import explained, keys_in


@with_parameters
def doctor(
    model: Annotated[
        str | None,
        typer.Argument(help="A model to open and to look at, as in llamacpp:model.gguf; else none is."),
    ] = None,
    *,
    strict: Strict = False,
    policy: Policy = None,
    like: Like = None,
    setting: Setting = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
    debug: Debug = False,
    **given: Any,
) -> None:
    """
    Tell what is installed, set up and there: versions, keys (whether they are set), GPUs and their memory.

    With the name of a model, also what it is run on: a model in this process is loaded for that, with the
    settings and the device that are given. No server is asked.
    """
    with explained(debug=debug, keys=keys_in(setting)):
        from rich.console import Console

        from . import _print
        from ._examined import adjusted, examined, facts
        from ._facts import sections

        found: dict[str, Any] = {}
        adjustments: list[str] = []
        if model is not None:  # First: what cannot work is told at once.
            llm = chosen(model, strict=strict, policy=policy, like=like, setting=setting, given=given)
            adjustments = adjusted(llm)
            found = anyio.run(examined, model, settings(setting or []), llm.parameters, like)
        told = facts() | ({"model": {"name": model, **found}} if model is not None else {})
        if as_json:
            sys.stdout.write(json.dumps({**told, "adjustments": adjustments}, indent=2) + "\n")
            return

        _print.table(("what", "name", "found"), sections(told, once=Console().is_terminal))
        for adjustment in adjustments:
            _print.note("note", adjustment, style="yellow")
