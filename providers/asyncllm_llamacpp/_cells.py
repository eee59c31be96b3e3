"""Accounts of a context's cells: each holds one token, for one strand or for several that begin alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Cells:
    """
    Which cells are held, and by how many.

    llama.cpp keeps accounts of its own but shows them to nobody; these have as many
    cells, each with as many holders, so they are full just when llama.cpp's are.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        """How many there are."""
        self.used = 0
        """How many somebody holds."""
        self.needed = 0
        """How many of these a call that is being answered holds."""
        self._holders = np.zeros(count, np.int32)
        self._needing = np.zeros(count, np.int32)
        self._free = np.arange(count, dtype=np.int32)

    def allot(self, count: int) -> NDArray[np.int32]:
        """Return *count* cells that nobody held; a call needs them."""
        assert count <= self.count - self.used
        taken = self._free[self.used : self.used + count].copy()
        self._holders[taken] = self._needing[taken] = 1
        self.used += count
        self.needed += count
        return taken

    def share(self, cells: NDArray[np.int32]) -> None:
        """Note one more holder of *cells*, who needs them."""
        self._holders[cells] += 1
        self.needed += int(np.count_nonzero(self._needing[cells] == 0))
        self._needing[cells] += 1

    def keep(self, cells: NDArray[np.int32]) -> None:
        """Note that a holder of *cells* only keeps them from now on: no call needs them for it."""
        self._needing[cells] -= 1
        self.needed -= int(np.count_nonzero(self._needing[cells] == 0))

    def leave(self, cells: NDArray[np.int32]) -> None:
        """Note that a holder of *cells* who only kept them is gone."""
        self._holders[cells] -= 1
        freed = cells[self._holders[cells] == 0]
        self.used -= len(freed)
        self._free[self.used : self.used + len(freed)] = freed
