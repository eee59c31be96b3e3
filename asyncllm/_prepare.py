"""Turn a caller's words into a provider's: parameters x rules -> a request, and what is left to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

from ._types import Adjustment, Message, Prompt, Role
from .errors import InvalidTask, UnsupportedParameter
from .provider import Request
from .rules import Applied, Required, Rules, Unsupported

ROLES: tuple[str, ...] = get_args(Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A request ready to send, and what is left to do when the answer comes."""

    request: Request
    stops: tuple[str, ...]
    """Stop tokens to look for in the answer."""
    adjustments: tuple[Adjustment, ...]
    """What differs from what was asked."""


def prepare(model: str, messages: tuple[Message, ...], asked: Mapping[str, Any], rules: Rules) -> Prepared:
    """Apply *rules* to what was *asked*, row by row."""
    asked = {**asked, "model_name": model}
    applied = [
        rules.get(name, Unsupported()).apply(name, asked.get(name), asked) for name in _rows(asked, rules)
    ]
    return Prepared(
        request=Request(
            model=model,
            messages=(*(message for row in applied for message in row.leading), *messages),
            options=_merged([row.options for row in applied]),
            headers=_merged([row.headers for row in applied]),
        ),
        stops=tuple(stop for row in applied for stop in row.stops),
        adjustments=_distinct(applied),
    )


def refuse(adjustments: tuple[Adjustment, ...]) -> None:
    """
    Raise where something would not be done just as asked: for strict calls.

    What is merely said otherwise (``translated``) is done just as asked.
    """
    lost = [adjustment for adjustment in adjustments if adjustment.verdict != "translated"]
    if lost:
        raise UnsupportedParameter(
            "strict=True, and the provider would not do just what was asked: " + "; ".join(map(str, lost))
        )


def messages_of(task: Prompt) -> tuple[Message, ...]:
    """
    Return *task* as messages.

    Raises:
        InvalidTask: It is empty, or not a text, a message, or a sequence of messages.
    """
    messages = tuple(_message(turn) for turn in _turns(task))
    if not any(message.text.strip() for message in messages):
        raise InvalidTask(f"a task needs a text to ask; got {task!r}")

    return messages


def check_tasks(tasks: Any) -> None:
    """
    Raise where *tasks* is not several.

    Raises:
        InvalidTask: It is a single task, or none at all.
    """
    if isinstance(tasks, str | Message | Mapping):
        raise InvalidTask(f"tasks is an iterable of tasks; for a single one write [{tasks!r}]")
    if not isinstance(tasks, Iterable):
        raise InvalidTask(f"tasks is an iterable of tasks; got a {type(tasks).__name__}")


def _turns(task: Any) -> Any:
    if isinstance(task, str):
        return (Message("user", task),)
    if isinstance(task, Message | Mapping):
        return (task,)

    try:
        return iter(task)
    except TypeError:
        raise InvalidTask(f"a task is a text or a sequence of messages; got {type(task).__name__}") from None


def _message(turn: Any) -> Message:
    if isinstance(turn, Mapping):
        fields = cast("Mapping[str, Any]", turn)
        if set(fields) != {"role", "content"} or not isinstance(fields["content"], str):
            raise InvalidTask(f"a message has a 'role' and a text as 'content'; got {turn!r}")
        turn = Message(fields["role"], fields["content"])
    if not isinstance(turn, Message):
        raise InvalidTask(f"a task is a text or a sequence of messages; it holds a {type(turn).__name__}")
    if turn.role not in ROLES:
        raise InvalidTask(f"a message's role is one of {', '.join(ROLES)}; got {turn.role!r}")
    try:
        turn.text.encode()
    except UnicodeEncodeError as exc:
        raise InvalidTask(f"a message holds half of a character, which nothing could send: {exc}") from exc

    return turn


def _rows(asked: Mapping[str, Any], rules: Rules) -> list[str]:
    required = [name for name, rule in rules.items() if isinstance(rule, Required) and name not in asked]
    return [name for name in asked if name != "model_name" or name in rules] + required


def _merged(parts: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Two rows may each bring a part of the same object."""
    merged: dict[str, Any] = {}
    for key, value in (item for part in parts for item in part.items()):
        known = merged.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged([cast("Mapping[str, Any]", known), cast("Mapping[str, Any]", value)])
        else:
            merged[key] = value
    return merged


def _distinct(applied: list[Applied]) -> tuple[Adjustment, ...]:
    """Two rows that need the same thing to travel along say so once."""
    return tuple({str(change): change for row in applied for change in row.adjustments}.values())
