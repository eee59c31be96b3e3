"""Lines that break between words, though the words come in pieces."""

from __future__ import annotations

import shutil

from rich.cells import cell_len

TAB = 8
JOINER = "\N{ZERO WIDTH JOINER}"
"""Makes one picture of those on its sides."""


class Wrapped:
    """
    What is written to a terminal, broken between words where a line of it ends.

    A word shows as it comes; when it turns out to be too long for its line,
    what is there of it moves to the next one.
    """

    def __init__(self) -> None:
        self._column = 0
        self._word = ""
        self._size = 0
        """How many columns the word takes."""
        self._last = ""
        self._in_picture = False

    def push(self, piece: str) -> str:
        """Return what to write for *piece*."""
        # Asked for each time: people change the size of their windows. A line that is full to
        # its last column leaves terminals in a state of their own, so none is.
        room = shutil.get_terminal_size().columns - 1
        return "".join(self._next(letter, room) for letter in piece)

    def _next(self, letter: str, room: int) -> str:
        cells = cell_len(letter)
        is_picture = cells > 1 and not letter.isalpha()
        is_joined, self._last = self._last == JOINER and self._in_picture and is_picture, letter
        self._in_picture = is_picture or (self._in_picture and not cells)
        # What has no width of its own belongs to the letter before it, and so does what is joined to
        # that: a line breaks before them all, or behind.
        if letter not in "\n\t" and (not cells or is_joined):
            self._word += letter if self._word else ""
            return letter
        return self._placed(letter, cells, room)

    def _placed(self, letter: str, cells: int, room: int) -> str:
        if letter == "\n" or (letter == " " and self._column >= room):
            self._begin(0)
            return "\n"
        if letter == "\t":
            self._begin((self._column // TAB + 1) * TAB)
            return letter

        moved = self._moved() if self._column + cells > room else ""
        self._column += cells
        # Letters as wide as two stand for themselves: those scripts have no blanks to break at.
        if letter == " " or cells > 1:
            self._begin(self._column)
        else:
            self._word, self._size = self._word + letter, self._size + cells
        return moved + letter

    def _begin(self, column: int) -> None:
        """Be in *column*, where no word has begun."""
        self._column, self._word, self._size = column, "", 0

    def _moved(self) -> str:
        """Return what takes the word to the next line."""
        if self._size == self._column:  # A line of its own is not enough for it.
            self._begin(0)
        back = f"\x1b[{self._size}D\x1b[K" if self._size else ""
        self._column = self._size
        return f"{back}\n{self._word}"
