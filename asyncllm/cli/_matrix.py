"""Tables of verdicts for a terminal, and lines of them for a pipe."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from asyncllm._support import Support
from asyncllm._types import MEANINGS, Verdict

from ._columns import Block, Tried
from ._layout import GAP, Drawn, has_signs, spread
from ._marks import MARKS, ROWS, short

GLANCE = (5, 18)
"""How narrow and how wide a column is where one only glances."""
WORDS = (26, 46)
"""The same, where reasons are read."""
ROOMY = 120
"""From this width on there is room for the names on the wire."""


def glance(console: Console, block: Block) -> None:
    """Print a provider's tables side by side, as signs; what is the same in all of them is summed up."""
    differs = {name for name in ROWS if len(block.columns) == 1 or len(set(_glimpses(block, name))) > 1}
    drawn = [
        Drawn(
            "\n+ ".join(column.headings),
            {
                one.parameter: Text.assemble(_sign(console, one.verdict), " ", short(one.accepts))
                for one in column.supports
                if one.parameter in differs
            },
        )
        for column in block.columns
    ]
    console.print(Text(block.title, "bold"))
    if block.ways:
        ways = (f"{settings}: {' and '.join(names)}" for settings, names in block.ways.items())
        console.print(Text("; ".join(ways), "dim"))
    spread(console, drawn, GLANCE, _wired(block, differs) if console.width >= ROOMY else None)
    if len(block.columns) > 1:
        _sum_up(console, [one for one in block.columns[0].supports if one.parameter not in differs])


def side_by_side(console: Console, tried: Iterable[Tried]) -> None:
    """Print models side by side: verdicts, names on the wire and reasons in words."""
    drawn = [Drawn(each.table.name, {one.parameter: _words(one) for one in each.supports}) for each in tried]
    narrow, wide = WORDS
    fair = (console.width - max(map(len, ROWS))) // len(drawn) - GAP
    spread(console, drawn, (narrow, max(narrow, min(fair, wide))))


def legend(console: Console) -> None:
    """Print what the signs mean."""
    for verdict, meaning in MEANINGS.items():
        line = Text.assemble(_sign(console, verdict), f" {verdict:<12}  ", (meaning, "dim"))
        console.print(line, soft_wrap=True)
    console.print(Text("reasons, model by model: asyncllm params openai:gpt-5.2", "dim"), soft_wrap=True)


def lines(tried: Iterable[Tried]) -> Iterator[str]:
    """Yield each verdict as a line with tabs, for ``cut`` and ``grep``."""
    for each in tried:
        for one in each.supports:
            told = (one.parameter, one.verdict, ",".join(one.wire), one.accepts, one.reason)
            yield "\t".join((each.provider, each.table.name, *told)).replace("\n", " ")


def _glimpses(block: Block, name: str) -> list[tuple[str, str] | None]:
    """Return what there is to see of a parameter, column by column."""
    found = [{one.parameter: one for one in column.supports}.get(name) for column in block.columns]
    return [(one.verdict, one.accepts) if one else None for one in found]


def _sum_up(console: Console, alike: Sequence[Support]) -> None:
    """Print what is the same in all tables of a block, verdict by verdict."""
    grid = Table.grid(padding=(0, 1))
    for verdict in MEANINGS:
        told = [one.parameter + _beyond(one) for one in alike if one.verdict == verdict]
        if told:
            grid.add_row(Text("in all:", "dim"), Text.assemble(_sign(console, verdict)), ", ".join(told))
    console.print(grid)
    console.print()


def _words(support: Support) -> Text:
    """Return a verdict in words."""
    reason = f"\n{support.reason}" if support.reason else ""
    return Text.assemble((support.verdict, MARKS[support.verdict].style), _beyond(support), (reason, "dim"))


def _beyond(support: Support) -> str:
    """Return the names on the wire, where they are not the parameter's own, and what is accepted."""
    along = [key for key in support.wire if key != support.parameter]
    told = " with " if support.parameter in support.wire else " as "
    accepts = f" ({support.accepts})" if support.accepts else ""
    return (told + ", ".join(along) if along else "") + accepts


def _sign(console: Console, verdict: Verdict) -> tuple[str, str]:
    mark = MARKS[verdict]
    return (mark.sign if has_signs(console) else mark.letter, mark.style)


def _wired(block: Block, rows: Container[str]) -> Drawn:
    """Return a column of the names on the wire, where they are not the parameters' own."""
    names: dict[str, dict[str, None]] = {}
    for one in (one for column in block.columns for one in column.supports):
        if one.parameter in rows and one.parameter not in one.wire:
            names.setdefault(one.parameter, {}).update(dict.fromkeys(one.wire))
    return Drawn("on the wire", {name: Text(", ".join(wire), "dim") for name, wire in names.items()})
