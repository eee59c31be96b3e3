"""What callers ask: a text, or a conversation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from ._transcript import Transcript
from ._types import Message, Prompt, Role
from ._vocabulary import ROLES
from .errors import InvalidTask


def messages_of(task: Prompt, *, role: Role = "user") -> tuple[Message, ...]:
    """
    Return *task* as messages; a text is said by *role*.

    Raises:
        InvalidTask: It is empty, or not a text, a message, or a sequence of messages.
    """
    messages = tuple(_message(turn) for turn in _turns(task, role))
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
