"""How verdicts, and what is accepted, are shown where there is little room."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asyncllm._types import Verdict
from asyncllm._vocabulary import EFFORTS, PARAMETERS

ROWS = ("model_name", *PARAMETERS)
"""The rows of every table, in their order."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How a verdict looks."""

    sign: str
    letter: str
    """In place of the sign, where the terminal has no such letters."""
    style: str


MARKS: Mapping[Verdict, Mark] = {
    "native":       Mark("✓", "y", "green"),
    "renamed":      Mark("→", ">", "green"),
    "translated":   Mark("⇄", "t", "cyan"),
    "clamped":      Mark("≈", "~", "yellow"),
    "emulated":     Mark("✎", "e", "yellow"),
    "dropped":      Mark("✗", "x", "red"),
    "inapplicable": Mark("·", ".", "dim"),
}  # fmt: skip

SHORTER = (
    (r"(\S+) and more", r"\1+"),
    (r"up to (\S+)( at a time)?", r"max \1"),
    (r"(\S+) to (\S+)", r"\1..\2"),
)
"""What is accepted, in fewer letters."""


def short(accepts: str) -> str:
    """Return what is accepted in few letters: ``16+``, ``max 4``, ``low..high, max``."""
    words = accepts.split(", ")
    if set(words) <= set(EFFORTS):
        runs = "".join(f" {level}" if level in words else "," for level in EFFORTS).split(",")
        return ", ".join(_ends(run.split()) for run in runs if run)

    for pattern, shorter in SHORTER:
        accepts = re.sub(pattern, shorter, accepts)
    return accepts


def _ends(run: Sequence[str]) -> str:
    return run[0] if len(run) == 1 else f"{run[0]}..{run[-1]}"
