"""Read a grammar in llama.cpp's notation, GBNF, as far as it takes to see how its rules hang together."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from asyncllm.errors import InvalidParameter

_DEEPEST = 200
"""How many brackets may be open at a time: llama.cpp's stack ends somewhere."""

_SYMBOLS = re.compile(
    r"""
      (?P<nothing> \s+ | \#[^\r\n]* | "" | \[\^?\] )
    | (?P<rule>    [a-zA-Z0-9-]+ (?= [ \t]*::= ) ) [ \t]*::=
    | (?P<name>    [a-zA-Z0-9-]+ )
    | (?P<letters> "(?:\\.|[^"\\])*" | \[(?:\\.|[^\]\\])*\] | !?<[^>]*> | \. )
    | (?P<times>   [*+?] | \{\s*\d+\s*(?:,\s*\d*\s*)?\} )
    | (?P<open>    \( )
    | (?P<close>   \) )
    | (?P<other>   \| )
    """,
    re.DOTALL | re.VERBOSE,
)
_TIMES = {"*": "0,", "+": "1,", "?": "0,1"}

LETTERS = ""
"""What stands for letters, in place of the name of a rule."""


class Part(NamedTuple):
    """A part of a sequence: a rule or letters, and how often."""

    rule: str
    least: int = 1
    """0 where it may be left out."""
    repeats: bool = False
    """Whether it may come more than once."""


Sequence: TypeAlias = list[Part]
Productions: TypeAlias = Mapping[str, list[Sequence]]
"""The sequences that each rule may stand for; what is in brackets has a rule of its own."""


def productions(text: str) -> Productions:
    """
    Return what the rules of *text* stand for.

    Raises:
        InvalidParameter: It is not in this notation. What is, may still be no grammar.
    """
    reader, at = _Reader(), 0
    while at < len(text):
        symbol = _SYMBOLS.match(text, at)
        rest = text[at : at + 20]
        if symbol is None or symbol.lastgroup is None:
            raise InvalidParameter(f"the grammar is not in llama.cpp's notation from {rest!r} on")
        reader.read(symbol.lastgroup, symbol[symbol.lastgroup])
        at = symbol.end()
    return reader.found


class _Reader:
    """Takes the symbols of a grammar one by one."""

    def __init__(self) -> None:
        self.found: dict[str, list[Sequence]] = {}
        self._rule = ""
        self._opened: list[list[Sequence]] = []
        self._steps: Mapping[str, Callable[[str], None]] = {
            "rule":    self._begin,
            "name":    lambda word: self._add(Part(word)),
            "letters": lambda _: self._add(Part(LETTERS)),
            "times":   self._repeat,
            "open":    lambda _: self._open(),
            "close":   lambda _: self._close(),
            "other":   lambda _: self._opened[-1].append([]),
        }  # fmt: skip

    def read(self, kind: str, word: str) -> None:
        if kind == "nothing":
            return
        if kind != "rule" and not self._opened:
            raise InvalidParameter(f"the grammar has {word!r} where a rule was to begin")

        self._steps[kind](word)

    def _begin(self, name: str) -> None:
        self._rule = name
        self.found[name] = [[]]  # Of two rules of one name, the last one holds.
        self._opened = [self.found[name]]

    def _add(self, part: Part) -> None:
        self._opened[-1][-1].append(part)

    def _repeat(self, word: str) -> None:
        sequence = self._opened[-1][-1]
        if not sequence:
            return  # llama.cpp says so better.

        low, comma, high = _TIMES.get(word, word.strip("{}")).partition(",")
        most = int(high) if high.strip() else (None if comma else int(low))
        part = sequence.pop()
        if part != Part(part.rule):
            part = Part(self._group([[part]]))
        if most != 0:
            sequence.append(Part(part.rule, min(int(low), 1), repeats=most is None or most > 1))

    def _open(self) -> None:
        if len(self._opened) > _DEEPEST:
            raise InvalidParameter(f"the grammar has brackets within brackets, over {_DEEPEST} deep")

        inner: list[Sequence] = [[]]
        self._add(Part(self._group(inner)))
        self._opened.append(inner)

    def _close(self) -> None:
        if len(self._opened) < 2:
            raise InvalidParameter("the grammar has a ')' too many")

        self._opened.pop()

    def _group(self, sequences: list[Sequence]) -> str:
        """Return the name of a new rule, which no author could give it."""
        name = f"{self._rule} {len(self.found)}"
        self.found[name] = sequences
        return name
