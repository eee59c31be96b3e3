"""The page that ``asyncllm params --markdown`` prints: what parameters mean, and what becomes of them."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence

from asyncllm._support import Support
from asyncllm._types import MEANINGS
from asyncllm._vocabulary import ALIASES, PARAMETERS

from ._columns import Block, Tried, blocks
from ._marks import MARKS, ROWS

INTRODUCTION = """\
# Parameters

What each parameter means, and what becomes of it with each provider and model. This page is printed from
the tables that decide it, by `{command}`; `asyncllm params` shows them in a terminal.

## What they mean

None is "not set": nothing is sent then. A value that a parameter does not take, or that contradicts another,
is refused before anything is sent; a parameter that another leaves idle is not sent.
"""

VERDICTS = """\
## What becomes of them

Each provider has a table for each family of its models. A sign says what becomes of an ordinary value. After
it stand the names on the wire, where they differ from the parameter's, and the values that are taken, where
they are fewer than the parameter takes. Whatever is not done just as asked is in `response.adjustments`, and
`strict=True` refuses what would be clamped, emulated or dropped.
"""


class Footnotes:
    """Reasons, each of them once."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, reason: str) -> str:
        """Return the mark that leads to *reason*."""
        return f"[^{self._numbers.setdefault(reason, len(self._numbers) + 1)}]" if reason else ""

    def lines(self) -> Iterator[str]:
        """Yield them all."""
        return (f"[^{number}]: {_escaped(reason)}" for reason, number in self._numbers.items())


def page(tried: Sequence[Tried], command: str) -> str:
    """Return the page on *tried*, which *command* printed."""
    return "\n".join(_lines(tried, command)) + "\n"


def _lines(tried: Sequence[Tried], command: str) -> Iterator[str]:
    notes = Footnotes()
    yield INTRODUCTION.format(command=command)
    yield from _table(("parameter", "takes", "meaning", "beside others"), map(_definition, PARAMETERS))
    yield VERDICTS
    yield from _table(
        ("", "verdict", "meaning"), ((MARKS[each].sign, each, MEANINGS[each]) for each in MEANINGS)
    )
    for block in blocks(tried, reasons=True):
        yield f"### {block.provider}" + (f", `{block.settings}`" if block.settings else "") + "\n"
        if block.ways:
            ways = (f"`{settings}`: {' and '.join(names)}" for settings, names in block.ways.items())
            yield f"With {'; '.join(ways)}.\n"
        yield from _matrix(block, notes)
    yield from notes.lines()


def _definition(name: str) -> tuple[str, ...]:
    parameter = PARAMETERS[name]
    spellings = [name, *(alias for alias, canonical in ALIASES.items() if canonical == name)]
    beside = [
        *(f"refused: {each.reason}" for each in parameter.clashes),
        *(f"idle: {each.reason}" for each in parameter.idle),
    ]
    takes = str(parameter.kind) + (f" ({parameter.unit})" if parameter.unit else "")
    return ", ".join(f"`{each}`" for each in spellings), takes, parameter.meaning, "; ".join(beside)


def _matrix(block: Block, notes: Footnotes) -> Iterator[str]:
    columns = [{each.parameter: each for each in column.supports} for column in block.columns]
    names = [name for name in ROWS if any(name in column for column in columns)]
    headings = ["parameter", *("<br>".join(column.headings) for column in block.columns)]
    yield from _table(
        headings, ([f"`{name}`", *(_cell(column.get(name), notes) for column in columns)] for name in names)
    )


def _cell(support: Support | None, notes: Footnotes) -> str:
    if support is None:
        return ""

    along = ", ".join(f"`{key}`" for key in support.wire if key != support.parameter)
    besides = "with " if along and support.parameter in support.wire else ""
    told = [MARKS[support.verdict].sign, besides + along, support.accepts]
    return " ".join(filter(None, told)) + notes.mark(support.reason)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield _row(headings)
    yield "|" + "---|" * len(headings)
    yield from map(_row, rows)
    yield ""


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)
