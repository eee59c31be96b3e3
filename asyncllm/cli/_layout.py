"""Columns on a terminal: as many side by side as fit, and the rest below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ._marks import ROWS

GAP = 2
"""Blanks between columns."""
WIDEST = 28
"""How wide a column is at most that goes with each table."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A column as it is printed: its heading, and a text for each parameter."""

    heading: str
    cells: Mapping[str, Text]

    def width(self, narrow: int, wide: int) -> int:
        """Return how wide it is, within limits: words of a heading are not broken, if that will do."""
        words = [len(word) for word in self.heading.split()]
        texts = [cell.cell_len for text in self.cells.values() for cell in text.split()]
        return min(max([*words, *texts, narrow]), wide)


def spread(
    console: Console, drawn: Sequence[Drawn], limits: tuple[int, int], wired: Drawn | None = None
) -> None:
    """
    Print columns beside the parameters' names; in several tables, where they do not fit into one.

    Args:
        console: Where to.

        drawn: The columns.

        limits: How narrow and how wide each may be.

        wired: A column that goes with each of the tables.
    """
    first = [Drawn("", {name: Text(name) for name in ROWS}), *([wired] if wired else [])]
    fixed = [column.width(0, WIDEST) for column in first]
    room = console.width - sum(fixed) - GAP * len(fixed)
    widths = [max(min(column.width(*limits), room - GAP), 1) for column in drawn]
    for part in _parts(widths, room):
        table = _table(console, [*first, *drawn[part]], [*fixed, *widths[part]])
        console.print(table)
        console.print()


def _table(console: Console, columns: Sequence[Drawn], widths: Sequence[int]) -> Table:
    frame, gap = (box.SIMPLE_HEAD, GAP - 1) if has_signs(console) else (None, GAP)
    table = Table(box=frame, pad_edge=False, padding=(0, gap, 0, 0), show_edge=False)
    for column, width in zip(columns, widths, strict=True):
        table.add_column(Text(column.heading), width=width, overflow="fold")
    # The first column has the names of all the rows there could be.
    for name in (name for name in ROWS if any(name in column.cells for column in columns[1:])):
        table.add_row(*(column.cells.get(name, "") for column in columns))
    return table


def _parts(widths: Sequence[int], room: int) -> Iterator[slice]:
    """Yield which columns go together, so that each table fits into *room*, as evenly as that goes."""
    ends: list[int] = []
    used = room + 1
    for place, width in enumerate(widths):
        if used + width + GAP > room:
            ends.append(place)
            used = 0
        used += width + GAP
    each = -(-len(widths) // len(ends))
    even = range(0, len(widths), each)
    fits = all(sum(widths[start : start + each]) + each * GAP <= room for start in even)
    starts = [*even] if fits else ends
    for start, end in zip(starts, [*starts[1:], len(widths)], strict=True):
        yield slice(start, end)


def has_signs(console: Console) -> bool:
    """Say whether the terminal has other letters than ASCII's."""
    return console.encoding.startswith("utf")
