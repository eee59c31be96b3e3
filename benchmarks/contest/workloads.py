"""What is asked: texts of a given length, which no cache can know unless it is meant to."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WORDS = (
    "the a one every no boat river lamp stone garden winter letter road island engine window paper "
    "story bread mountain harbour captain baker teacher child doctor painter soldier stranger sees "
    "finds keeps loses builds opens carries paints forgets remembers under over behind before after "
    "without against slowly quickly never always blue green heavy quiet old young broken golden narrow "
    "and but while because until"
)


@dataclass(frozen=True, slots=True)
class Task:
    """A call: two messages, the first of which several calls may share."""

    system: str
    question: str

    @property
    def messages(self) -> list[dict[str, str]]:
        """The conversation, in the form that all contestants take."""
        return [{"role": "system", "content": self.system}, {"role": "user", "content": self.question}]


@dataclass(frozen=True, slots=True)
class Workload:
    """A kind of calls."""

    name: str
    question: int
    """The tokens of each call's own text."""
    prefix: int = 0
    """The tokens of the beginning that the calls share; without one they share nothing."""
    warm: bool = False
    """Whether all contestants have seen the shared beginning before."""

    @property
    def tokens(self) -> int:
        """The tokens of a prompt, without what the template puts around it."""
        return (self.prefix or SALT) + self.question

    def tasks(self, count: int, lap: int, tokens: Callable[[str], int]) -> list[Task]:
        """
        Return *count* tasks: the same for the same *lap*, and others for each other one.

        Args:
            count: How many.

            lap: The number of the round; those of a warm workload keep the shared beginning.

            tokens: Tells how many tokens a text is.
        """
        start = f"{self.name}/{count}/{'kept' if self.warm else lap}"
        shared = text(random.Random(start), self.prefix, tokens)
        own = random.Random(f"{self.name}/{count}/{lap}/own")
        return [
            Task(shared or text(own, SALT, tokens), text(own, self.question, tokens)) for _ in range(count)
        ]


SALT = 8
"""Tokens that make the beginning of a call its own."""
SHORT, LONG, PREFIX = 24, 400, 500

WORKLOADS: Sequence[Workload] = (
    Workload("short",                     SHORT),
    Workload("long",                      LONG),
    Workload("short, shared prefix cold", SHORT, PREFIX),
    Workload("short, shared prefix warm", SHORT, PREFIX, warm=True),
    Workload("long, shared prefix cold",  LONG, PREFIX),
    Workload("long, shared prefix warm",  LONG, PREFIX, warm=True),
)  # fmt: skip


def text(chance: random.Random, size: int, tokens: Callable[[str], int]) -> str:
    """Return a text of about *size* tokens that begins with a number of its own; empty where that is 0."""
    if not size:
        return ""

    words = [f"{chance.randrange(10**6):06}:", *chance.choices(WORDS.split(), k=size)]
    # A word is about a token, and never less: what is too much is cut off at the end.
    while len(words) > 1 and (over := tokens(" ".join(words)) - size) > 0:
        del words[max(1, len(words) - max(1, over // 2)) :]
    return " ".join(words)
