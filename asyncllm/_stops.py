"""Find stop tokens in a text that comes in pieces."""

from __future__ import annotations

from collections.abc import Iterable


class StopMatcher:
    """
    Cuts a text before the first of several stop tokens, piece by piece.

    The result is that of cutting the whole text where the earliest stop token
    begins (the shortest, where two begin there), however the text is split. No
    more is held back than may still become a stop token.
    """

    def __init__(self, stops: Iterable[str]) -> None:
        self._stops = tuple(dict.fromkeys(stops))
        self._longest = max(map(len, self._stops), default=0)
        self._held = ""
        self.matched: str | None = None
        """The stop token that was found; nothing comes out any more from then on."""

    def push(self, piece: str) -> str:
        """Take in *piece* and return what is now known to come before any stop token."""
        if self.matched is not None:
            return ""

        text = self._held + piece
        begun = self._begun(text)
        if (cut := self._cut(text, before=begun)) is not None:
            return cut
        self._held = text[begun:]
        return text[:begun]

    def finish(self) -> str:
        """Return what was held back and, now that the text has ended, is no beginning of a stop token."""
        held, self._held = self._held, ""
        cut = self._cut(held, before=len(held))
        return held if cut is None else cut

    def _begun(self, text: str) -> int:
        """Return where the earliest stop token begins that the end of *text* leaves open; else its length."""
        for at in range(max(0, len(text) - self._longest + 1), len(text)):
            tail = text[at:]
            if any(len(stop) > len(tail) and stop.startswith(tail) for stop in self._stops):
                return at
        return len(text)

    def _cut(self, text: str, *, before: int) -> str | None:
        """Return *text* up to its earliest stop token, if that begins no later than *before*."""
        found = [(at, len(stop), stop) for stop in self._stops if (at := text.find(stop)) >= 0]
        if not found or min(found)[0] > before:
            return None

        at, _, self.matched = min(found)
        self._held = ""
        return text[:at]
