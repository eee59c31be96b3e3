"""What a model remembers: strands in llama.cpp's memory, which share what they begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from ._cells import Cells
from ._native import llama, quick
from ._strand import Strand, common

_remove = quick("llama_memory_seq_rm")
_copy = quick("llama_memory_seq_cp")
_first = quick("llama_memory_seq_pos_min")

SHARE_KEPT = 4
"""One part in so many of the cells may be held by what is kept: each step looks at all that are held."""


class Memory:
    """
    The memory of one context.

    A strand is *placed* to be read: as many at a time as there are sequences. Once its call has ended it
    is *kept*, and a later one that begins alike is placed on a copy, which costs no time and no cells.
    What is kept goes, the longest unused first, as soon as somebody needs its cells or its number.

    Args:
        handle: llama.cpp's, of the context.

        cells: How many tokens there is room for.

        sequences: How many strands.

        whole: Whether only a whole strand can be copied: the memory of some models cannot be cut.
    """

    def __init__(self, handle: int, *, cells: int, sequences: int, whole: bool) -> None:
        self._handle: int = llama.llama_get_memory(handle)
        self._window: int = llama.llama_model_n_swa(llama.llama_get_model(handle))
        self.can_cut = not whole
        """Whether a part of a strand can be shared."""
        self.cells = Cells(cells)
        self._numbers = list(range(sequences))[::-1]
        self._kept: list[Strand] = []

    @property
    def kept(self) -> tuple[Strand, ...]:
        """What is kept, the longest unused first."""
        return tuple(self._kept)

    def shared(self, strand: Strand, other: Strand, *, ahead: bool = False) -> int:
        """Return how many tokens *strand* need not read where *other* has read them, or will (*ahead*)."""
        # One is read in any case: what comes next is only known of a token that was just read.
        count = min(common(strand, other, ahead=ahead), strand.count - 1)
        return count if self._has(other, count) else 0

    def best(self, strand: Strand, others: Iterable[Strand] = ()) -> tuple[Strand | None, int]:
        """Return with which strand that is kept, or of the *others*, *strand* shares most, and how much."""
        found = [(self.shared(strand, each), each) for each in (*self._kept, *others)]
        count, source = max(found, key=lambda pair: pair[0], default=(0, None))
        return (source, count) if count else (None, 0)

    def place(self, strand: Strand, others: Iterable[Strand] = ()) -> None:
        """Give *strand* a place, and what it shares with the one kept or of the *others* that has most."""
        assert strand.sequence is None
        source, count = self.best(strand, others)
        if source in self._kept:
            self._kept.remove(source)
            self._kept.append(source)
        if not self._numbers and source is self._kept[0]:
            source = None
        strand.sequence = self._number()
        if source is not None:
            self._share(strand, source, count)

    def fork(self, strand: Strand) -> Strand:
        """Return another strand with the tokens of *strand*, all of which were read."""
        assert strand.sequence is not None
        assert not strand.unread
        child = Strand(strand.tokens)
        child.sequence = self._number()
        self._share(child, strand, strand.read)
        return child

    def fill(self, strand: Strand, put: Callable[[int], bool]) -> bool:
        """
        Keep *strand*, which was read at another time; what is kept gives way. Return whether that came to be.

        Args:
            strand: All of it is taken for read.

            put: Puts it in under a number, and says whether it did.
        """
        there = (each for each in self._kept if self.can_cut or each.read == strand.count)
        if any(common(strand, each) == strand.count for each in there):
            return True
        if self.cells.count - self.cells.needed < strand.count or not (self._numbers or self._kept):
            return False

        self.left(strand.count)
        if not self._numbers:
            self._drop(self._kept[0])
        strand.sequence = self._numbers.pop()
        if not put(strand.sequence):
            self._remove(strand)
            return False

        self.advance(strand, strand.count)
        self.keep(strand)
        return True

    def room(self, count: int) -> bool:
        """Return whether there is room for *count* more tokens; what is kept gives way."""
        return self.left(count) >= count

    def left(self, wanted: int) -> int:
        """Return how many cells are free; what is kept gives way until it is as many as *wanted*."""
        while (free := self.cells.count - self.cells.used) < wanted and self._kept:
            self._drop(self._kept[0])
        return free

    def advance(self, strand: Strand, count: int) -> None:
        """Note that *count* more tokens of *strand* were read."""
        strand.cells = np.concatenate([strand.cells, self.cells.allot(count)])
        strand.read += count

    def keep(self, strand: Strand) -> None:
        """Keep what was read of *strand*, whose call has ended."""
        if strand.sequence is None:
            return
        if not strand.read:
            self.free(strand)
            return

        strand.keep_read()
        self.cells.keep(strand.cells)
        for other in self.kept:
            if other.read <= strand.read and common(strand, other) == other.read:
                self._drop(other)
        self._kept.append(strand)
        # A cell that several keep, as that of a common beginning, counts once.
        while self.cells.used - self.cells.needed > self.cells.count // SHARE_KEPT and len(self._kept) > 1:
            self._drop(self._kept[0])

    def free(self, strand: Strand) -> None:
        """Forget *strand*."""
        if strand.sequence is not None:
            self.cells.keep(strand.cells)
            self._remove(strand)

    def clear(self) -> None:
        """Forget what is kept; where nothing is left, the memory is as it was in the beginning."""
        for strand in self.kept:
            self._drop(strand)
        if not self.cells.used:
            self._numbers.sort(reverse=True)
            llama.llama_memory_clear(self._handle, False)

    def _has(self, strand: Strand, count: int) -> bool:
        """Return whether the first *count* tokens of *strand* can be copied, or can be once they are read."""
        if not self.can_cut:
            return count == strand.read
        if not self._window or count >= strand.read:
            return True

        # llama.cpp gives cells away that the strand's own window has left behind, even where it has others.
        first: int = _first(self._handle, strand.sequence)
        return first <= max(0, count - self._window)

    def _number(self) -> int:
        if not self._numbers:
            self._drop(self._kept[0])
        return self._numbers.pop()

    def _share(self, strand: Strand, source: Strand, count: int) -> None:
        _copy(self._handle, source.sequence, strand.sequence, *((0, count) if self.can_cut else (-1, -1)))
        strand.cells = source.cells[:count].copy()
        strand.read = count
        self.cells.share(strand.cells)

    def _drop(self, strand: Strand) -> None:
        self._kept.remove(strand)
        self._remove(strand)

    def _remove(self, strand: Strand) -> None:
        assert strand.sequence is not None
        _remove(self._handle, strand.sequence, -1, -1)
        self.cells.leave(strand.cells)
        self._numbers.append(strand.sequence)
        strand.forget()
