"""Lines that break between words, though the words come in pieces."""

from __future__ import annotations

import shutil

from rich.cells import cell_len

TAB = 8


class Wrapped:
    """
    What is written to a terminal, broken between words where a line of it ends.

    A word shows as it comes; when it turns out to be too long for its line,
    what is there of it moves to the next one.
    """

    def __init__(self) -> None:
        self._column = 0
        self._word = ""

    def push(self, piece: str) -> str:
        """Return what to write for *piece*."""
        # Asked for each time: people change the size of their windows. A line that is full to
        # its last column leaves terminals in a state of their own, so none is.
        room = shutil.get_terminal_size().columns - 1
        return "".join(self._placed(letter, room) for letter in piece)

    def _placed(self, letter: str, room: int) -> str:
        if letter == "\n" or (letter == " " and self._column >= room):
            self._column, self._word = 0, ""
            return "\n"
        if letter == "\t":
            self._column, self._word = (self._column // TAB + 1) * TAB, ""
            return letter

        cells, moved = cell_len(letter), ""
        if self._column + cells > room:
            moved = self._moved()
        self._column += cells
        # Letters as wide as two stand for themselves: those scripts have no blanks to break at.
        self._word = "" if letter == " " or cells > 1 else self._word + letter
        return moved + letter

    def _moved(self) -> str:
        """Return what takes the word to the next line."""
        word, size = self._word, cell_len(self._word)
        if size == self._column:  # A line of its own is not enough for it.
            word = self._word = ""
            size = 0
        self._column = cell_len(word)
        return (f"\x1b[{size}D\x1b[K" if size else "") + "\n" + word
