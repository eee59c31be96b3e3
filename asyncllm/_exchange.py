"""An exchange: what is sent for a task, and what is kept of it once it is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from ._history import turns_of
from ._model import Model
from ._tasks import messages_of
from ._transcript import Transcript
from ._types import Message, Prompt, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What is said now, and what becomes of it."""

    prompt: Prompt
    """What is to be sent: what was said before comes first."""
    said: tuple[Message, ...]
    """What is said now, as the caller wants it said."""
    is_text: bool
    """Whether it is a text, whose role the provider may change."""
    model: Model | None
    """Who is asked; None where that is no model."""

    @classmethod
    def of(cls, task: Prompt, history: Any, *, role: Role, model: Model | None) -> Self:
        """
        Return the exchange that *task* begins.

        Raises:
            InvalidTask: There is nothing to ask, or *history* is none.
        """
        asked = model if model is not None and model.provider else None
        said = messages_of(task, role=role)
        prompt = _after(history, task, said, role)
        if asked is None and isinstance(prompt, Transcript):
            prompt = str(prompt)  # Only a model reads its messages, and a plain text goes anywhere.
        return cls(prompt=prompt, said=said, is_text=isinstance(task, str), model=asked)

    def answered(self, answer: str) -> tuple[Message, ...]:
        """
        Return what is to be kept with *answer*; nothing where that is empty.

        An empty message would be refused wherever it is said again. A task is kept
        under the role that it was sent under, and one that begins the answer is part of it.
        """
        if not answer.strip():
            return ()

        *before, last = self.said
        last = Message(self._sent(last.role), last.content) if self.is_text else last
        if last.role == "assistant" and self._sent("assistant") == "assistant":
            return (*before, Message("assistant", last.text + answer))
        return (*before, last, Message("assistant", answer))

    def _sent(self, role: Role) -> Role:
        """Return the role under which the model has a text said that *role* is to say."""
        if self.model is None or role == "user":
            return role
        # Asked for by itself: this row looks at no other parameter.
        return self.model.applied("?", {"role": role}).request.messages[-1].role


def _after(history: Any, task: Prompt, said: tuple[Message, ...], role: Role) -> Prompt:
    """Return the task that says *history* first."""
    before = turns_of(history)
    if not isinstance(task, str):
        return (*before, *said)
    if not before:
        return task
    if isinstance(history, str) and role == "user":
        # One message: the templates of many models refuse two of the user's in a row.
        return f"{history}\n\n{task}"

    return Transcript(before, task)
