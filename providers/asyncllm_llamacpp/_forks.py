"""What remembers each of several beams, as they go on, fork, and end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Held = TypeVar("Held")


def carried(
    parents: Sequence[int],
    held: Sequence[Held],
    *,
    fork: Callable[[Held], Held],
    forget: Callable[[Held], None],
) -> list[Held]:
    """
    Return what remembers each beam that goes on, with the fewest copies; none has its new token yet.

    Args:
        parents: Which of the former beams each continues.

        held: What remembers each former beam; the first to continue it takes it over.

        fork: Copies what remembers a beam, for each further one that continues it.

        forget: Lets go of what remembers a beam that none continues; before any is copied.
    """
    for parent, each in enumerate(held):
        if parent not in parents:
            forget(each)
    taken: set[int] = set()
    going: list[Held] = []
    for parent in parents:
        going.append(fork(held[parent]) if parent in taken else held[parent])
        taken.add(parent)
    return going
