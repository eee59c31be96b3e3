"""What callers ask: a text, or a conversation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from ._transcript import Transcript
from ._types import Message, Prompt, Role
from ._vocabulary import ROLES
from .errors import InvalidParameter, InvalidTask


def messages_of(task: Prompt, *, role: Role = "user") -> tuple[Message, ...]:
    """
    Return *task* as messages; a text is said by *role*.

    Raises:
        InvalidTask: It is empty, or not a text, a message, or a sequence of messages.
    """
    messages = tuple(message_of(turn) for turn in _turns(task, role))
    if not any(message.text.strip() for message in messages):
        raise InvalidTask(f"a task needs a text to ask; got {task!r}")

    return messages


def message_of(turn: Any, *, of: str = "task") -> Message:
    """
    Return *turn* as a message.

    Args:
        turn: A message, or a mapping with a role and a content.

        of: What it is a part of, for the error.

    Raises:
        InvalidTask: It is neither.
    """
    if isinstance(turn, Mapping):
        fields = cast("Mapping[str, Any]", turn)
        if set(fields) != {"role", "content"} or not isinstance(fields["content"], str):
            raise InvalidTask(f"a message has a 'role' and a text as 'content'; got {turn!r}")
        turn = Message(fields["role"], fields["content"])
    if not isinstance(turn, Message):
        raise InvalidTask(f"a {of} is a text or a sequence of messages; it holds a {type(turn).__name__}")
    if turn.role not in ROLES:
        raise InvalidTask(f"a message's role is one of {', '.join(ROLES)}; got {turn.role!r}")
    try:
        turn.text.encode()
    except UnicodeEncodeError as exc:
        raise InvalidTask(f"a message holds half of a character, which nothing could send: {exc}") from exc

    return turn


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


def check_extras(extras: tuple[Any, ...], *, taken: bool) -> None:
    """
    Raise where *extras* are given without names, unless they are *taken*: by a class's own method.

    Raises:
        InvalidParameter: They are not.
    """
    if extras and not taken:
        raise InvalidParameter(
            f"parameters are given by name, as in temperature=0.2; got {extras[0]!r} without one"
        )


def _turns(task: Any, role: Role) -> Any:
    if isinstance(task, Transcript):
        return (*task.before, Message(role, task.said))
    if isinstance(task, str):
        return (Message(role, task),)
    if isinstance(task, Message | Mapping):
        return (task,)

    try:
        return iter(task)
    except TypeError:
        raise InvalidTask(f"a task is a text or a sequence of messages; got {type(task).__name__}") from None
