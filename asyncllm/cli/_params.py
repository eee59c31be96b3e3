"""``asyncllm params``: what becomes of each parameter, on each provider and model."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._outcomes import explained, keys_in

if TYPE_CHECKING:
    from ._columns import Tried

COMMAND = ["asyncllm", "params", "--markdown"]


def params(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Providers, or models to see side by side, as in openai:gpt-5.2; else all providers."
        ),
    ] = None,
    *,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="A setting of the models' provider, as in api=responses; repeatable."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all that is known, as JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a page of documentation.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="ASYNCLLM_DEBUG", help="Show where an error came from.")
    ] = False,
) -> None:
    """Show what becomes of each parameter: with each provider's families of models, or with single models."""
    from asyncllm._registry import available
    from asyncllm.errors import InvalidParameter

    from . import _columns, _print
    from ._options import settings

    with explained(debug=debug, keys=keys_in(setting)):
        providers = [name for name in names or [] if name in available()]
        models = [
            _columns.of_model(name, settings(setting or [])) for name in names or [] if name not in providers
        ]
        tried, problems = ([], []) if names else _columns.of_all()
        tried += [each for name in providers for each in _columns.of_provider(name)]
        if as_json and markdown:
            raise InvalidParameter("--json and --markdown print different things: give one of them")
        if as_json:
            facts = {**_facts([*tried, *models]), "problems": problems}
            sys.stdout.write(json.dumps(facts, indent=2, default=str) + "\n")
        elif markdown:
            from . import _markdown

            sys.stdout.write(_markdown.page([*tried, *models], " ".join(COMMAND + (names or []))))
        else:
            _show(tried, models)
        for problem in problems:
            _print.note("note", problem, style="yellow")


def _show(tried: list[Tried], models: list[Tried]) -> None:
    from rich.console import Console

    from . import _columns, _matrix

    console = Console()
    if not console.is_terminal:
        for line in _matrix.lines([*tried, *models]):
            sys.stdout.write(line + "\n")
        return

    for block in _columns.blocks(tried, reasons=False):
        _matrix.glance(console, block)
    if tried:
        _matrix.legend(console)
    if models:
        _matrix.side_by_side(console, models)


def _facts(tried: list[Tried]) -> dict[str, Any]:
    from asyncllm._types import MEANINGS
    from asyncllm._vocabulary import ALIASES, PARAMETERS

    return {
        "parameters": {
            name: {
                "takes": str(parameter.kind),
                "unit": parameter.unit,
                "meaning": parameter.meaning,
                "aliases": [alias for alias, canonical in ALIASES.items() if canonical == name],
            }
            for name, parameter in PARAMETERS.items()
        },
        "verdicts": MEANINGS,
        "tables": [each.plain() for each in tried],
    }
