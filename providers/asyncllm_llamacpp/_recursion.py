"""
Refuse a grammar that llama.cpp would never come to an end with.

At each place llama.cpp writes out all ways to go on. Where a rule begins with itself they
have no end, which llama.cpp does not see behind a rule that is empty at second hand; and
where much may be left out, or begins in several ways, there are too many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter

from asyncllm.errors import InvalidParameter

from ._productions import Part, Productions, Sequence, productions

_LONGEST = 2**20
_MOST = 10_000
"""In how many ways a rule may begin."""
_MOST_SKIPPED = 200
"""In how many of them something may be left out before."""


class LeftRecursive(InvalidParameter):
    """A rule of the grammar begins with itself."""


@lru_cache(maxsize=64)
def check(text: str) -> None:
    """
    Look whether llama.cpp comes to an end with the grammar *text*.

    Raises:
        InvalidParameter: It does not, or not soon.
    """
    if not text.strip() or "\0" in text or len(text) > _LONGEST:
        raise InvalidParameter(f"a grammar takes up to {_LONGEST} letters, none of them a zero byte")

    rules = productions(text)
    empty = _empty(rules)
    _check_repetitions(rules, empty)
    beginnings = {
        name: {part.rule for sequence in sequences for part in _beginning(sequence, empty)} & rules.keys()
        for name, sequences in rules.items()
    }
    try:
        order = [*TopologicalSorter(beginnings).static_order()]
    except CycleError as exc:
        cycle: list[str] = exc.args[1]
        path = " > ".join(dict.fromkeys(map(_name, reversed(cycle))))
        raise LeftRecursive(
            f"the grammar has left recursion: a rule begins with itself, by way of {path}; "
            "let something that is never empty come before"
        ) from None

    _check_ways(rules, order, empty)


def _empty(rules: Productions) -> Collection[str]:
    """Return the rules that may stand for nothing at all."""
    needed: dict[tuple[str, int], int] = {}
    users: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for name, sequences in rules.items():
        for at, sequence in enumerate(sequences):
            needed[name, at] = 0
            for part in sequence:
                if part.least:
                    needed[name, at] += 1
                    users[part.rule].append((name, at))
    found: set[str] = set()
    todo = [name for (name, _), count in needed.items() if not count]
    while todo:
        if (name := todo.pop()) in found:
            continue
        found.add(name)
        for user in users[name]:
            needed[user] -= 1
            if not needed[user]:
                todo.append(user[0])
    return found


def _beginning(sequence: Sequence, empty: Collection[str]) -> Iterator[Part]:
    """Give the parts that *sequence* may begin with."""
    for part in sequence:
        yield part
        if part.least and part.rule not in empty:
            return


def _check_repetitions(rules: Productions, empty: Collection[str]) -> None:
    for name, sequences in rules.items():
        for sequence in sequences:
            if any(part.repeats and part.rule in empty for part in sequence):
                raise InvalidParameter(
                    f"the grammar's rule {_name(name)!r} repeats what may be empty; "
                    "repeat something that is not, and make the whole optional"
                )


def _check_ways(rules: Productions, order: list[str], empty: Collection[str]) -> None:
    """Look at the rules in *order*, what they begin with first."""
    ways: dict[str, tuple[int, int]] = defaultdict(lambda: (1, 0))
    for name in order:
        ways[name] = _ways(rules[name], ways, empty)
        every, skipped = ways[name]
        if every > _MOST or skipped > _MOST_SKIPPED:
            raise InvalidParameter(
                f"the grammar's rule {_name(name)!r} may begin in {every} ways, {skipped} of them by leaving "
                f"something out; llama.cpp copes with {_MOST} and {_MOST_SKIPPED}"
            )


def _ways(
    sequences: list[Sequence], ways: Mapping[str, tuple[int, int]], empty: Collection[str]
) -> tuple[int, int]:
    """Return in how many ways a rule may begin, and in how many a sequence may by leaving something out."""
    every = most_skipped = 0
    for sequence in sequences:
        parts = [*_beginning(sequence, empty)]
        counts = [ways[part.rule] for part in parts]
        later = sum(count for count, _ in counts[1:])
        every += later + (counts[0][0] if counts else 1)
        most_skipped = max(most_skipped, later + (counts[0][1] if counts else 0))
    return every, most_skipped


def _name(rule: str) -> str:
    return rule.partition(" ")[0]
