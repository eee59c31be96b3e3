"""Text from elsewhere, made harmless for a terminal."""

from __future__ import annotations

import sys

HARMLESS: dict[int, int | None] = {
    **{code: 0x2400 + code for code in range(0x20)},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
    # They turn the direction of what follows: text reads otherwise than it is.
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0xFFFD),
    ord("\r"): None,
}
"""What stands for each control character: its picture, where there is one."""
for kept in "\n\t":
    del HARMLESS[ord(kept)]


def harmless(text: str) -> str:
    """
    Return *text* with its control characters drawn (an escape as ␛), all but newlines and tabs.

    Without them no sequence is one, so a terminal shows it all and obeys none
    of it, in however many pieces the text comes.
    """
    return text.translate(HARMLESS)


def shown(text: str) -> str:
    """Return *text* as it goes to standard output: harmless for a terminal, else just as it is."""
    return harmless(text) if sys.stdout.isatty() else text
