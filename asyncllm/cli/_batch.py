"""``asyncllm batch``: many tasks in one go."""

from __future__ import annotations

import typer

from ._journal import export, status

batch = typer.Typer(name="batch", help="Look at a batch by its journal.", no_args_is_help=True)
batch.command()(status)
batch.command()(export)
