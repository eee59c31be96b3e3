"""``asyncllm batch status`` and ``asyncllm batch export``: look at a batch, also while it runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from ._model_options import Debug
from ._outcomes import explained, keys_in

if TYPE_CHECKING:
    from datetime import datetime

    from asyncllm.batch._journal import JournalStatus

Journal = Annotated[str, typer.Argument(metavar="JOURNAL", help="The batch's journal, as in run.db.")]


def status(
    journal: Journal,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print all that is known, as JSON.")] = False,
    debug: Debug = False,
) -> None:
    """Tell how far a batch is, whether or not it is running."""
    from asyncllm.batch._journal import JournalFile

    from . import _print
    from ._control_characters import harmless

    with explained(debug=debug, keys=keys_in()):
        known = JournalFile(journal).status()
        if as_json:
            sys.stdout.write(json.dumps(known.as_dict(), indent=2) + "\n")
        else:
            _print.table(("what", "is"), ((name, harmless(fact)) for name, fact in _facts(known)))


def export(
    journal: Journal,
    *,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where to write; - is standard output.")
    ] = "-",
    as_format: Annotated[
        str, typer.Option("--format", metavar="jsonl|csv", help="All there is, an item a line; or a table.")
    ] = "jsonl",
    debug: Debug = False,
) -> None:
    """Write what became of each item of a batch, in the order of the tasks, whether or not it is running."""
    from asyncllm.batch._journal import JournalFile
    from asyncllm.batch._journal._export import as_format as checked

    with explained(debug=debug, keys=keys_in()):
        JournalFile(journal).export(sys.stdout if output == "-" else output, format=checked(as_format))


def _facts(known: JournalStatus) -> Iterator[tuple[str, str]]:
    yield "running", "no" if known.running is None else f"yes, as process {known.running}"
    yield "done", f"{known.done:,}"
    yield "failed", f"{known.failed:,}"
    yield "in flight", f"{known.in_flight:,}"
    yield "maybe billed", f"{known.maybe_billed:,}"
    yield "tokens in", f"{known.input_tokens:,}"
    yield "tokens out", f"{known.output_tokens:,}"
    yield "begun", f"{_time(known.created)}" + (f", resumed {known.runs - 1} times" if known.runs > 1 else "")
    yield "first sent", _time(known.first)
    yield "last outcome", _time(known.last)
    for remote in known.remotes:
        yield "at the provider", f"{remote.id or remote.tag}: {remote.state}, {len(remote.keys):,} items"
    for name, value in known.identity.items():
        yield name, json.dumps(value, ensure_ascii=False)


def _time(when: datetime | None) -> str:
    return "never" if when is None else when.astimezone().isoformat(" ", timespec="seconds")
