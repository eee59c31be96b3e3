"""Split a text into passages, where the text itself has its joints."""

from __future__ import annotations

import re

CLOSING = r"\"'”»)\]」』\u2019\uff09"
"""Quotes and brackets that close after a sentence."""
FULL = r"。\uff01\uff1f"
"""What ends a sentence where no space follows."""

JOINTS = (
    re.compile(r"(?:\r?\n[^\S\n]*){2,}"),                                # paragraphs
    re.compile(r"\r?\n"),                                                # lines
    re.compile(rf"(?<=[.!?…])[{CLOSING}]*\s+|(?<=[{FULL}])[{CLOSING}]*"),  # sentences
    re.compile(r"\s+"),                                                  # words
)  # fmt: skip
"""What ends a piece of a text, the best place to part it first."""

NARROWEST = 4
"""Bytes: any letter fits."""


def split(text: str, limit: int) -> list[str]:
    """
    Return *text* in passages of about the same size, none above *limit* bytes of UTF-8.

    They end where a paragraph does; in one that is too long where a line does, or a
    sentence, or a word; and within a word only where it does not fit by itself.
    Joined, they are the text again.
    """
    if limit < NARROWEST:
        raise ValueError(f"a passage takes at least {NARROWEST} bytes; got {limit}")

    passages: list[str] = []
    encoded, at = text.encode(), 0
    while at < len(encoded):
        rest = len(encoded) - at
        pieces = -(-rest // limit)
        window = _decoded(encoded[at : at + limit])
        aim = len(_decoded(encoded[at : at + -(-rest // pieces)]))
        passage = window if pieces == 1 else window[: _joint(window, aim)]
        passages.append(passage)
        at += len(passage.encode())
    return passages


def beginning(text: str, limit: int) -> str:
    """Return as much of *text* as *limit* bytes of UTF-8 hold, up to where it has a joint."""
    encoded = text.encode()
    if len(encoded) <= limit:
        return text

    window = _decoded(encoded[:limit])
    return window[: _joint(window, len(window))]


def _joint(window: str, aim: int) -> int:
    """
    Return where to part *window*: at the best kind of joint, and of these at the nearest to *aim*.

    One that would leave a passage less than half as long as intended comes last.
    """
    nearby: list[int] = []
    for pattern in JOINTS:
        joints = [found.end() for found in pattern.finditer(window)]
        if fair := [joint for joint in joints if joint > aim // 2]:
            return min(fair, key=lambda joint: abs(joint - aim))
        nearby = joints or nearby
    return max(nearby, default=aim or len(window))


def _decoded(part: bytes) -> str:
    """Return what *part* holds, without the letter that its end cuts in two."""
    return part.decode(errors="ignore")
