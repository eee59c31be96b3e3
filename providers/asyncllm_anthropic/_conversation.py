"""Where the system messages of a conversation go: before it, or into it where Anthropic takes them there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from asyncllm.provider import Message
from asyncllm.rules import Applied

_BEFORE = "this model takes system messages only before the conversation; those within it go there"
_BETWEEN = (
    "Anthropic takes a system message within the conversation only last, or between the user's words "
    "and the assistant's; others go before it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A conversation in Anthropic's words."""

    system: tuple[str, ...]
    """What goes before the conversation."""
    turns: tuple[Mapping[str, str], ...]
    moved: bool
    """Whether something of *system* stood within the conversation."""


def conversation(messages: Sequence[Message], *, inline: bool) -> Said:
    """
    Return *messages* in Anthropic's words.

    Args:
        messages: What is said.

        inline: Whether the model takes system messages within a conversation.
    """
    runs = [tuple(run) for _, run in groupby(messages, _is_system)]
    system: list[str] = []
    turns: list[Mapping[str, str]] = []
    moved = False
    for number, run in enumerate(runs):
        if not _is_system(run[0]):
            turns += ({"role": turn.role, "content": turn.text} for turn in run)
        elif inline and _is_between(runs[:number], runs[number + 1 :]):
            # Two of them in a row are refused.
            turns.append({"role": "system", "content": "\n\n".join(each.text for each in run)})
        else:
            system += (each.text for each in run)
            moved = moved or number > 0
    return Said(system=tuple(system), turns=tuple(turns), moved=moved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """System messages stay where they are, as far as the model takes them there (a row for ``messages``)."""

    inline: bool
    """Whether it takes any within a conversation."""

    def apply(self, name: str, value: Sequence[Message], asked: Mapping[str, Any]) -> Applied:
        said = conversation(value, inline=self.inline)
        has_inline = any(turn["role"] == "system" for turn in said.turns)
        options = {"messages": said.turns} if has_inline else {}
        if said.moved:
            reason = _BETWEEN if self.inline else _BEFORE
            return Applied(verdict="clamped", reason=reason, options=options)
        return Applied(verdict="native", options=options)


def _is_system(message: Message) -> bool:
    return message.role in {"system", "developer"}


def _is_between(before: Sequence[Sequence[Message]], after: Sequence[Sequence[Message]]) -> bool:
    """Say whether Anthropic takes a system message there."""
    follows = bool(before) and before[-1][-1].role == "user"
    return follows and (not after or after[0][0].role == "assistant")
