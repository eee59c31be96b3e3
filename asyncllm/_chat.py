"""Conversations: what was said before comes along, and what is said is kept."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Self, SupportsIndex, TypeAlias, Unpack, cast

from ._specification import Specified
from ._stream import Stream
from ._sync import synchronous, synchronous_stream
from ._tasks import messages_of
from ._transcript import Transcript
from ._types import FinishReason, Message, Prompt, Role
from ._vocabulary import Params, checked
from .errors import InvalidTask

Turn: TypeAlias = Message | Mapping[str, str]

NO_ANSWER: frozenset[FinishReason] = frozenset({"cancelled", "error"})
"""How a stream ends that somebody left, or that the provider gave up: nothing to remember."""


class History(list[Message]):
    """A list of messages; whatever is put in is checked, and made one."""

    def __init__(self, turns: Prompt | Iterable[Turn] = ()) -> None:
        super().__init__(turns_of(turns))

    def append(self, turn: Turn, /) -> None:
        self.extend((turn,))

    def extend(self, turns: Prompt | Iterable[Turn], /) -> None:
        # One call of the list's own, of messages that are there already: no other thread sees half of it.
        super().extend(turns_of(turns))

    def insert(self, index: SupportsIndex, turn: Turn, /) -> None:
        super().insert(index, *turns_of((turn,)))

    def __setitem__(self, index: Any, value: Any, /) -> None:
        is_slice = isinstance(index, slice)
        turns = turns_of(value if is_slice else (value,))
        put: Any = turns if is_slice else turns[0]
        super().__setitem__(index, put)

    def __iadd__(self, turns: Prompt | Iterable[Turn], /) -> Self:  # type: ignore[override, misc]
        self.extend(turns)
        return self


class Chat(Specified):
    """What an LLM does with conversations."""

    @abstractmethod
    async def arun(self, task: Prompt, **params: Unpack[Params]) -> str:
        """Ask once and return the answer's text."""

    @abstractmethod
    def astream(self, task: Prompt, **params: Unpack[Params]) -> AbstractAsyncContextManager[Stream]:
        """Ask once and take the answer as it comes."""

    def __call__(self, task: Prompt, **params: Unpack[Params]) -> str:
        """Ask once and return the answer's text: the same as ``run``."""
        text: str = cast("Any", self).run(task, **params)
        return text

    async def achat(
        self, task: Prompt, history: Prompt | Iterable[Turn] = "", **params: Unpack[Params]
    ) -> str:
        """
        Say *task* after *history*, return the answer's text, and append both to :attr:`history`.

        ::

            await llm.achat("My name is Ada.")
            await llm.achat("What is my name?", history=llm.history)

        What is sent is what is given here: with no *history*, the task alone. An
        LLM may serve many conversations at a time, so it never sends one by itself.

        Args:
            task: A text, or a conversation as a sequence of messages.

            history: What was said before: a text, or messages. A text stands before the task's own.

            params: Parameters for this call; they win over the instance's.

        Raises:
            ConfigurationError: Nothing was sent; the message says what to do.
            ProviderError: The provider failed. Like a call that is cancelled, this appends nothing.
        """
        said, prompt = self._said_after(task, history, params)
        answer = await self.arun(prompt, **params)
        if not isinstance(cast("Any", answer), str):
            raise TypeError(f"{type(self).__name__} has to answer with a text; got {type(answer).__name__}")
        # Nothing is awaited in between: who gets the answer finds it in the history.
        self._history.extend((*said, Message("assistant", answer)))
        return answer

    @asynccontextmanager
    async def achat_stream(
        self, task: Prompt, history: Prompt | Iterable[Turn] = "", **params: Unpack[Params]
    ) -> AsyncGenerator[Stream]:
        """
        Say *task* after *history*, take the answer as it comes, and append both to :attr:`history`.

        ::

            async with llm.achat_stream("What is my name?", llm.history) as stream:
                async for piece in stream:
                    print(piece, end="")

        They are appended as the block ends. Where the answer was not taken to its
        end, or the block ends in an error, nothing is: ``stream.text`` has what
        came. Otherwise like :meth:`achat` and :meth:`astream`.
        """
        said, prompt = self._said_after(task, history, params)
        async with self.astream(prompt, **params) as stream:
            yield stream
        if stream.response.finish_reason not in NO_ANSWER:
            self._history.extend((*said, Message("assistant", stream.response.text)))

    chat = synchronous(achat)
    chat_stream = synchronous_stream(achat_stream)

    @property
    def history(self) -> History:
        """
        The exchanges of :meth:`achat`, :meth:`achat_stream` and their twins so far, a list of messages.

        Each is there whole and in order, however many run at a time: they stand in
        the order in which they ended. Set it to a text, to messages, or to
        another LLM's history, which is copied.
        """
        return self._history

    @history.setter
    def history(self, turns: Prompt | Iterable[Turn]) -> None:
        vars(self)["_history"] = History(turns)

    def clear_history(self) -> None:
        """Forget what was said. A call under way is appended to what comes after."""
        self.history = ()

    def _said_after(
        self, task: Prompt, history: Prompt | Iterable[Turn], params: Params
    ) -> tuple[tuple[Message, ...], Prompt]:
        """Return what is said now, and what is to be sent for it."""
        role: Role = checked({"role": params.get("role")}).get("role") or self.role or "user"
        said = messages_of(task, role=role)
        return said, _after(history, task, said, role)

    @property
    def _history(self) -> History:
        # Also where a subclass's __init__ does not call ours; and of two threads, one makes it.
        return cast("History", vars(self).setdefault("_history", History()))

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state["attributes"] |= {"_history": History(self.history)}
        return state


def turns_of(turns: Any) -> tuple[Message, ...]:
    """
    Return *turns* as messages; there may be none.

    Raises:
        InvalidTask: They are neither a text nor messages.
    """
    given: Any = turns
    if isinstance(turns, str):
        given = turns if turns.strip() else ()
    elif isinstance(turns, Iterable) and not isinstance(turns, Mapping):
        given = tuple(cast("Iterable[Turn]", turns))
    try:
        return () if given == () else messages_of(given)
    except InvalidTask as exc:
        raise InvalidTask(f"a history is a text or a sequence of messages: {exc}") from exc


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
