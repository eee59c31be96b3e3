"""The commands, and what holds for all of them."""

from __future__ import annotations

import importlib.metadata
import sys
from typing import Annotated

import typer

from . import _batch_group
from ._bench import bench
from ._chat import chat
from ._doctor import doctor
from ._outcomes import exit_codes
from ._params import params
from ._providers import providers
from ._run import run

TERMINAL = sys.stdout.isatty()
"""Whether somebody looks: frames around the help are for eyes, not for ``grep``."""

app = typer.Typer(
    name="asyncllm",
    help="Ask any language model.",
    # \b keeps the lines of a paragraph apart.
    epilog="\b\n" + "\n".join(exit_codes()),
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if TERMINAL else None,
)
app.command()(run)
app.command()(chat)
app.command()(providers)
app.command()(params)
app.command()(bench)
app.command()(doctor)
app.add_typer(_batch_group.app, name="batch")


@app.callback()
def start(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Answer where no command is named."""
    if version:
        typer.echo(f"asyncllm {importlib.metadata.version('asyncllm-framework')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
