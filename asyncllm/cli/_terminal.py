"""The line that a person types in: with a history, completion, and room for several lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from asyncllm._llm import LLM
from asyncllm.errors import ConfigurationError

from . import _print
from ._commands import COMMANDS, Command
from ._lines import plain, unfinished

PROMPT = FormattedText([("bold", "> ")])
GOES_ON = FormattedText([("class:continuation", ". ")])
EMPTY = FormattedText([("fg:ansibrightblack", "say something, or /help")])


class Terminal:
    """Lines that a person types; what was typed before is kept in memory alone."""

    def __init__(self, llm: LLM) -> None:
        self._session: PromptSession[str] = PromptSession(
            PROMPT,
            completer=Commands(llm),
            complete_in_thread=True,
            enable_suspend=True,
            key_bindings=_keys(),
            multiline=True,
            placeholder=EMPTY,
            prompt_continuation=GOES_ON,
            reserve_space_for_menu=6,
        )

    async def next(self) -> str | None:
        """Wait for what is typed next; None is Ctrl-D, or Ctrl-C twice."""
        asked = False
        while True:
            try:
                # Ctrl-C is a key here; as a signal it is for the conversation, which listens all the time.
                return plain(await self._session.prompt_async(handle_sigint=False))
            except EOFError:
                return None
            except KeyboardInterrupt:
                if asked:
                    return None
                asked = True
                _print.words("Ctrl-C again ends, and so does Ctrl-D", style="dim")


class Commands(Completer):
    """Complete commands, and what stands behind them."""

    def __init__(self, llm: LLM) -> None:
        self._llm = llm
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield what can stand at the cursor."""
        line = document.text_before_cursor
        if not line.startswith("/") or "\n" in line:
            return

        name, behind, rest = line[1:].partition(" ")
        named = COMMANDS.get(name)
        if not behind:
            for known, command in COMMANDS.items():
                if known.startswith(name):
                    yield Completion(known, -len(name), display="/" + known, display_meta=command.meaning)
        elif named is not None and named.names_file:
            yield from self._paths.get_completions(Document(rest), complete_event)
        elif named is not None:
            yield from self._words(named, rest)

    def _words(self, command: Command, rest: str) -> Iterator[Completion]:
        *before, begun = rest.split(" ")
        try:
            words = list(command.words(self._llm, before))
        except ConfigurationError:  # Behind a name that nobody knows there is nothing to complete.
            return

        for word in words:
            if word.startswith(begun):
                yield Completion(word, -len(begun))


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion is not None:
            buffer.complete_state = None  # What was chosen from the menu stands there already.
        elif unfinished(buffer.text):
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("c-c")
    def _(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=KeyboardInterrupt())

    return keys
