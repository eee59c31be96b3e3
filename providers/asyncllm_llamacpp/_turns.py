"""The turns of a conversation, in the forms that a chat template may insist on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from asyncllm.provider import Message


@dataclass(frozen=True, slots=True)
class Turn:
    """What one of them says."""

    role: str
    content: str

    @classmethod
    def of(cls, message: Message, text: str) -> Turn:
        """Return the turn of *message* that says *text*."""
        return cls("system" if message.role == "developer" else message.role, text)

    @property
    def told(self) -> dict[str, str]:
        """The form in which templates read it."""
        return {"role": self.role, "content": self.content}

    def followed_by(self, text: str) -> Turn:
        return replace(self, content=self.content + text)


def renderings(turns: Sequence[Turn]) -> Iterator[Sequence[Turn]]:
    """
    Yield the forms of a conversation, the truest first.

    As it is; in turns, for templates that insist on these; and each of these with
    what the system says said by the user, for templates that know no system.
    """
    yield turns
    yield _alternating(turns)
    if any(turn.role == "system" for turn in turns):
        unled = _said_by_user(turns)
        yield unled
        yield _alternating(unled)


def _said_by_user(turns: Sequence[Turn]) -> list[Turn]:
    system = _joined([turn for turn in turns if turn.role == "system"])
    others = [turn for turn in turns if turn.role != "system"]
    first = next((at for at, turn in enumerate(others) if turn.role == "user"), None)
    if first is None:
        return [Turn("user", system), *others]

    others[first] = Turn("user", f"{system}\n\n{others[first].content}")
    return others


def _alternating(turns: Sequence[Turn]) -> list[Turn]:
    """Put the system first, join the turns of a role that follow each other, and let the user begin."""
    system = [turn for turn in turns if turn.role == "system"]
    others = [turn for turn in turns if turn.role != "system"]
    runs = [Turn(role, _joined(list(run))) for role, run in groupby(others, key=lambda turn: turn.role)]
    opening = [Turn("user", "")] if runs[:1] and runs[0].role != "user" else []
    return [*([Turn("system", _joined(system))] if system else []), *opening, *runs]


def _joined(turns: Sequence[Turn]) -> str:
    return "\n\n".join(turn.content for turn in turns)
