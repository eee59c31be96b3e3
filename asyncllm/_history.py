"""A list of what was said, which takes nothing but messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self, SupportsIndex, TypeAlias, cast

from ._tasks import message_of
from ._types import Message, Prompt
from .errors import InvalidTask

Turn: TypeAlias = str | Message | Mapping[str, str]
Turns: TypeAlias = Prompt | Iterable[Turn] | None


class History(list[Message]):
    """A list of messages; whatever is put in is checked, and made one. A text is a message of the user's."""

    def __init__(self, turns: Turns = ()) -> None:
        super().__init__(turns_of(turns))

    def append(self, turn: Turn, /) -> None:
        self.extend((turn,))

    def extend(self, turns: Turns, /) -> None:
        # One call of the list's own, of messages that are there already: no other thread sees half of it.
        super().extend(turns_of(turns))

    def insert(self, index: SupportsIndex, turn: Turn, /) -> None:
        super().insert(index, *turns_of((turn,)))

    def __setitem__(self, index: Any, value: Any, /) -> None:
        is_slice = isinstance(index, slice)
        turns = turns_of(value if is_slice else (value,))
        put: Any = turns if is_slice else turns[0]
        super().__setitem__(index, put)

    def __iadd__(self, turns: Turns, /) -> Self:  # type: ignore[override, misc]
        self.extend(turns)
        return self


def turns_of(turns: Any) -> tuple[Message, ...]:
    """
    Return *turns* as messages; there may be none.

    Raises:
        InvalidTask: They are neither a text nor messages.
    """
    given: Any = turns
    if turns is None or (isinstance(turns, str) and not turns.strip()):
        given = ()
    elif isinstance(turns, str | Message | Mapping):
        given = (turns,)
    elif not isinstance(turns, Iterable):
        raise InvalidTask(f"a history is a text or a sequence of messages; got {type(turns).__name__}")

    said = tuple(_said(turn) for turn in cast("Iterable[Any]", given))
    if said and not any(message.text.strip() for message in said):
        raise InvalidTask(f"what was said needs a text; got {turns!r}")

    return said


def _said(turn: Any) -> Message:
    return message_of(Message("user", turn) if isinstance(turn, str) else turn, of="history")
