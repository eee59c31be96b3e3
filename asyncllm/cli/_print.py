"""Print for people: coloured on a terminal, plain in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text


def note(label: str, text: str, *, style: str) -> None:
    """Print one line to stderr."""
    _line(Console(stderr=True), f"{label}: ", text, style=style)


def facts(rows: Iterable[tuple[str, str]]) -> None:
    """Print names and what is known under each to stderr."""
    console = Console(stderr=True)
    known = tuple(rows)
    width = max([12, *(len(name) for name, _ in known)])
    for name, fact in known:
        _line(console, f"{name:<{width}} ", fact, style="dim")


def words(text: str, *, style: str = "") -> None:
    """Print *text* to stderr."""
    _line(Console(stderr=True), text, "", style=style)


def piece(text: str, *, style: str = "") -> None:
    """Print *text* to stderr, where more of the line is to come."""
    Console(stderr=True).print(Text(text, style), end="", soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows to stdout: a table on a terminal, else lines with tabs, for ``cut`` and ``grep``."""
    console = Console()
    if not console.is_terminal:
        for row in rows:
            sys.stdout.write("\t".join(row).replace("\n", "; ") + "\n")
        return

    aligned = Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        aligned.add_row(*map(Text, row))
    console.print(aligned)


def _line(console: Console, name: str, text: str, *, style: str) -> None:
    console.print(Text.assemble((name, style), text), soft_wrap=True)
