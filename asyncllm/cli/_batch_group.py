"""``asyncllm batch FILE``, and commands beside it: a group in which a file needs no command's name."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from ._batch import CODES, batch
from ._journal import export, status

DEFAULT = "run"
"""What is meant where no command is named."""


class WithDefault(TyperGroup):
    """A group whose first word is a command's name, or belongs to the one that is meant without."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Name the command that is meant."""
        named = {*self.commands, *ctx.help_option_names}
        return super().parse_args(ctx, args if args and args[0] in named else [DEFAULT, *args])


app = typer.Typer(
    cls=WithDefault,
    help="Ask many tasks from a file; 'asyncllm batch FILE' is 'asyncllm batch run FILE'.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command(DEFAULT, epilog=CODES)(batch)
app.command()(status)
app.command()(export)
