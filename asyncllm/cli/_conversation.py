"""A conversation: what is said, answered, stopped, and taken back."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

import anyio
from rich.console import Console
from rich.status import Status

from asyncllm._chat import exchange
from asyncllm._llm import LLM
from asyncllm._types import Message, Response
from asyncllm.errors import InvalidTask

from . import _answers, _print
from ._control_characters import shown
from ._echo import unechoed
from ._wrapped import Wrapped


class Conversation:
    """
    What a person and a model say to each other; whole exchanges are in ``llm.history``.

    Args:
        llm: Who answers.

        at_terminal: Somebody looks: say what an answer took, and that one is being waited for.
    """

    def __init__(self, llm: LLM, *, at_terminal: bool) -> None:
        self.llm = llm
        self.at_terminal = at_terminal
        self.ended = False
        """Whether nothing more is to be said."""
        self.code = 0
        """The exit code of what failed last, if no answer came after it."""
        self._answering: anyio.CancelScope | None = None
        self._answered: list[tuple[str, int]] = []
        """The task of each exchange, and the place in the history at which it begins."""
        self._unanswered: tuple[str, int] | None = None
        self._noted: set[tuple[str, str]] = set()

    async def say(self, task: str) -> None:
        """
        Ask *task* after all that was said, and print the answer as it comes.

        Raises:
            LLMError: There is no answer; :meth:`retry` asks again.
        """
        await self._ask(task, len(self.llm.history))

    async def retry(self) -> None:
        """Ask what has no answer yet; or else the last task again, for an answer in place of its own."""
        task, place = self._unanswered or self._last()
        await self._ask(task, place)

    def undo(self) -> str:
        """Take back the last task, with its answer if it has one; return the task."""
        task, place = self._unanswered or self._last()
        del self.llm.history[place:]
        self._answered = self._before(place)
        self._unanswered = None
        return task

    def stop(self) -> None:
        """Stop the answer that is coming, if one is."""
        if self._answering is not None:
            self._answering.cancel()

    def begin(self) -> None:
        """Take the history as it is now for what was said so far: another conversation begins, or goes on."""
        self._unanswered = None
        self._answered = list(_exchanges(self.llm.history))

    def failed(self, code: int) -> None:
        """Keep the exit code of what failed, and say what can be done about a task that has no answer."""
        self.code = code
        if self._unanswered is not None:
            self._hint("/retry asks again")

    async def _ask(self, task: str, place: int) -> None:
        """Ask *task* after the first *place* messages; the exchange takes the place of all further ones."""
        history = self.llm.history
        before, end = history[:place], len(history)
        self._unanswered = task, place
        came: list[str] = []
        response: Response | None = None
        try:
            with anyio.CancelScope() as self._answering:
                response = await self._answer(task, before, came)
        finally:
            self._answering = None
        if response is not None:
            self._tell(response)
            kept = history[end:]
            self.code = 0
        else:
            # Who stops an answer has read it, and may go on from there.
            kept = list(exchange(self.llm, task).answered("".join(came).rstrip()))
        if kept:
            history[place:] = kept
            self._answered = [*self._before(place), (task, place)]
            self._unanswered = None
        if response is None:
            taken = "what came is kept: /retry asks again, /undo takes it back"
            self._hint(f"stopped; {taken}" if kept else "stopped; /retry asks again")
        elif not kept:
            what = "an answer that is not kept" if response.text.strip() else "an empty answer"
            _print.note("note", f"{what} ({response.finish_reason})", style="yellow")
            self._hint("/retry asks again")

    async def _answer(self, task: str, before: Sequence[Message], came: list[str]) -> Response:
        """Print the answer to *task*, collect its pieces in *came*, and return it."""
        wrapped = Wrapped()
        with unechoed(), self._waiting() as waiting:
            async with self.llm.achat_stream(task, before) as stream:
                try:
                    async for piece in stream:
                        waiting.stop()
                        came.append(piece)
                        text = shown(piece)
                        sys.stdout.write(wrapped.push(text) if self.at_terminal else text)
                        sys.stdout.flush()
                finally:
                    if came:
                        sys.stdout.write("\n")
                        sys.stdout.flush()
        return stream.response

    @contextmanager
    def _waiting(self) -> Generator[Status]:
        """Show, where somebody looks, that an answer is being waited for: until it is stopped."""
        waiting = Console(stderr=True).status("", spinner="line", spinner_style="dim")
        if self.at_terminal:
            waiting.start()
        try:
            yield waiting
        finally:
            waiting.stop()

    def _tell(self, response: Response) -> None:
        """Say what there is to say of an answer; of each change, once."""
        sys.stdout.write(shown(_answers.others(response)))
        sys.stdout.flush()
        for change in _answers.changes(response):
            if (said := (self.llm.model_name, change)) not in self._noted:
                self._noted.add(said)
                _print.note("note", change, style="yellow")
        self._hint(_answers.in_short(response))

    def _hint(self, text: str) -> None:
        """Say *text* to whoever looks, and leave a line."""
        if self.at_terminal:
            _print.words(text + "\n", style="dim")

    def _before(self, place: int) -> list[tuple[str, int]]:
        """Return the exchanges that begin before *place*."""
        return [each for each in self._answered if each[1] < place]

    def _last(self) -> tuple[str, int]:
        """Return the last task that was answered, and where it stands."""
        if not self._answered:
            raise InvalidTask("nothing was said yet")

        return self._answered[-1]


def _exchanges(history: Sequence[Message]) -> Iterator[tuple[str, int]]:
    """Yield the task of each exchange in *history*, and its place: as far as the roles tell."""
    for place, turn in enumerate(history):
        before = history[place - 1].role if place else "assistant"
        behind = history[place + 1].role if place + 1 < len(history) else "assistant"
        begins = before == "assistant" if turn.role == "assistant" else behind == "assistant"
        if begins:
            yield turn.text, place
