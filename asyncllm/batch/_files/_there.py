"""Which results a file holds already."""

from __future__ import annotations

from array import array

from asyncllm.errors import JournalError

MOST = 2**32
"""No batch has so many tasks; a damaged file may say so."""


class There:
    """
    Which results a file holds: eight bytes for each.

    Args:
        path: The file's, for errors.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._hashes = array("Q")

    def add(self, index: int, key: str) -> bool:
        """
        Note that the result of the task with this *index* and *key* is there, and say whether it was not.

        Raises:
            JournalError: The file has another task's in that place.
        """
        if not 0 <= index < MOST:
            raise JournalError(f"{self._path!r} holds no results: it has one with the index {index}")
        if (missing := index + 1 - len(self._hashes)) > 0:
            self._hashes.extend([0] * missing)
        own = hash(key) % 2**64 or 1
        if self._hashes[index] not in {0, own}:
            raise JournalError(
                f"{self._path!r} has another task's result with the index {index} than that of {key!r:.60}: "
                "go on with the tasks that it was begun with, or write to another file"
            )
        is_new = not self._hashes[index]
        self._hashes[index] = own
        return is_new
