"""Conversations: what was said before comes along, and what is said is kept."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Unpack, cast

from ._exchange import Exchange
from ._history import History, Turns
from ._specification import Specified
from ._stream import Stream
from ._sync import synchronous, synchronous_stream
from ._tasks import check_extras
from ._types import FinishReason, Prompt, Role
from ._vocabulary import Params, checked

NO_ANSWER: frozenset[FinishReason] = frozenset({"cancelled", "error"})
"""How a stream ends that somebody left, or that the provider gave up: nothing to remember."""


class Chat(Specified):
    """What an LLM does with conversations."""

    @abstractmethod
    async def arun(self, task: Prompt, **params: Unpack[Params]) -> str:
        """Ask once and return the answer's text."""

    @abstractmethod
    def astream(self, task: Prompt, **params: Unpack[Params]) -> AbstractAsyncContextManager[Stream]:
        """Ask once and take the answer as it comes."""

    @property
    @abstractmethod
    def _llm_answers_itself(self) -> bool:
        """Whether the class has an answer of its own to a task."""

    def __call__(self, task: Prompt, *args: Any, **params: Unpack[Params]) -> str:
        """Ask once and return the answer's text: the same as ``run``."""
        check_extras(args, taken=self._llm_answers_itself)
        text: str = cast("Any", self).run(task, *args, **params)
        return text

    async def achat(self, task: Prompt, history: Turns = "", *args: Any, **params: Unpack[Params]) -> str:
        """
        Say *task* after *history*, return the answer's text, and append both to :attr:`history`.

        ::

            await llm.achat("My name is Ada.")
            await llm.achat("What is my name?", history=llm.history)

        What is sent is what is given here: with no *history*, the task alone. An
        LLM may serve many conversations at a time, so it never sends one by itself.

        The task is kept under the role that it was sent under; one that begins the
        answer is one message with it. Of an answer without words nothing is kept.

        Args:
            task: A text, or a conversation as a sequence of messages.

            history: What was said before: a text, or messages. A text stands before the task's own.

            args: For a class with an answer of its own, whose method takes more.

            params: Parameters for this call; they win over the instance's.

        Raises:
            ConfigurationError: Nothing was sent; the message says what to do.
            ProviderError: The provider failed. Like a call that is cancelled, this appends nothing.
        """
        check_extras(args, taken=self._llm_answers_itself)
        begun = exchange(self, task, history, params.get("role"))
        answer = await cast("Any", self).arun(begun.prompt, *args, **params)
        if not isinstance(answer, str):
            raise TypeError(f"{type(self).__name__} has to answer with a text; got {type(answer).__name__}")
        # Nothing is awaited in between: who gets the answer finds it in the history.
        self._llm_history.extend(begun.answered(answer))
        return answer

    @asynccontextmanager
    async def achat_stream(
        self, task: Prompt, history: Turns = "", **params: Unpack[Params]
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
        begun = exchange(self, task, history, params.get("role"))
        async with self.astream(begun.prompt, **params) as stream:
            yield stream
        if stream.response.finish_reason not in NO_ANSWER:
            self._llm_history.extend(begun.answered(stream.response.text))

    chat = synchronous(achat)
    chat_stream = synchronous_stream(achat_stream)

    @property
    def history(self) -> History:
        """
        The exchanges of :meth:`achat`, :meth:`achat_stream` and their twins so far, a list of messages.

        Each is there whole and in order, however many run at a time: they stand in
        the order in which they ended. Set it to a text, to messages, to None for
        none, or to another LLM's history, which is copied.
        """
        return self._llm_history

    @history.setter
    def history(self, turns: Turns) -> None:
        vars(self)["_llm_history"] = History(turns)

    def clear_history(self) -> None:
        """Forget what was said. A call under way is appended to what comes after."""
        self.history = ()

    @property
    def _llm_history(self) -> History:
        # Also where a subclass's __init__ does not call ours; and of two threads, one makes it.
        return cast("History", vars(self).setdefault("_llm_history", History()))

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state["attributes"] |= {"_llm_history": History(self.history)}
        return state


def exchange(llm: Chat, task: Prompt, history: Turns = "", role: Role | None = None) -> Exchange:
    """
    Return the exchange with *llm* that *task* begins, said by *role*, or else by the role that is set.

    Raises:
        InvalidTask: There is nothing to ask, or *history* is none.
        InvalidParameter: There is no such role.
    """
    given: Role = checked({"role": role}).get("role") or llm.role or "user"
    # A subclass's __init__ may not call ours, and there may be no model behind it.
    return Exchange.of(task, history, role=given, model=vars(llm).get("_llm_model"))
