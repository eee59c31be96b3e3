"""What can be told to the program instead of the model: one table, from which help and completion come."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from asyncllm._kinds import Flag, OneOf
from asyncllm._llm import LLM
from asyncllm._registry import available
from asyncllm._vocabulary import PARAMETERS, Parameter
from asyncllm.errors import InvalidParameter

from . import _actions, _print
from ._conversation import Conversation

Do = Callable[[Conversation, str], Awaitable[None]]
Words = Callable[[LLM, Sequence[str]], Iterable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Something that can be told to the program."""

    do: Do
    meaning: str
    takes: str = ""
    """What stands behind its name; in brackets what may be left out."""
    words: Words = lambda _llm, _before: ()
    """What can stand behind its name and the words that are there already: for completion."""
    names_file: bool = False


async def obey(conversation: Conversation, line: str) -> None:
    """
    Do what *line* says: a slash, a command's name, what it takes.

    Raises:
        InvalidParameter: There is no such command, or it takes something else.
        LLMError: It failed.
    """
    name, rest = (*line.removeprefix("/").split(maxsplit=1), "", "")[:2]
    command = COMMANDS.get(name)
    if command is None:
        near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
        advice = f"did you mean /{near[0]}?" if near else "/help lists them all"
        raise InvalidParameter(
            f"there is no command /{name}; {advice} (a blank before it says it to the model)"
        )
    if (not command.takes and rest) or (command.takes and command.takes[0] != "[" and not rest):
        raise InvalidParameter(f"/{name} takes {command.takes or 'nothing'}")
    await command.do(conversation, rest.strip())


def usage(name: str) -> str:
    """Return how a command is written."""
    return f"/{name} {COMMANDS[name].takes}".rstrip()


async def _help(conversation: Conversation, _: str) -> None:
    known = {usage(name): command.meaning for name, command in COMMANDS.items()}
    _print.facts((known | (KEYS if conversation.at_terminal else {})).items())


def _of_set(_llm: LLM, before: Sequence[str]) -> Iterable[str]:
    return _values(PARAMETERS[_actions.canonical(before[0])]) if before else PARAMETERS


def _values(parameter: Parameter) -> Iterable[str]:
    match parameter.kind:
        case OneOf(words):
            return words
        case Flag(words):
            return ("true", "false", *words)
        case _:
            return ()


COMMANDS: Mapping[str, Command] = {
    "help":      Command(do=_help, meaning="List what can be told to the program."),
    "model":     Command(do=_actions.model, takes="[NAME]", meaning="Ask another model from now on.",
                         words=lambda _, before: () if before else (f"{name}:" for name in available())),
    "set":       Command(do=_actions.set_parameter, takes="PARAMETER VALUE", words=_of_set,
                         meaning="Set a parameter, as in /set temperature 0.2."),
    "unset":     Command(do=_actions.unset, takes="PARAMETER",
                         meaning="Leave a parameter to the model again.",
                         words=lambda llm, before: () if before else llm.parameters),
    "params":    Command(do=_actions.params,
                         meaning="Show what is set, and what becomes of it on this model."),
    "system":    Command(do=_actions.system, takes="[TEXT]", meaning="Set the system prompt; or show it."),
    "creative":  Command(do=_actions.creative, takes="on|off", meaning="Sample more boldly, or as before.",
                         words=lambda _, before: () if before else _actions.SWITCH),
    "retry":     Command(do=_actions.retry, meaning="Ask again: what failed, or for another last answer."),
    "undo":      Command(do=_actions.undo, meaning="Take back what was said last, and its answer."),
    "history":   Command(do=_actions.history, meaning="Show what was said so far."),
    "clear":     Command(do=_actions.clear, meaning="Forget what was said so far."),
    "stats":     Command(do=_actions.stats, meaning="Show what the answers took."),
    "resources": Command(do=_actions.resources, meaning="Show what the process and the machine use now."),
    "save":      Command(do=_actions.save, takes="[FILE|DIRECTORY]", names_file=True,
                         meaning="Save parameters and history; without a place, in checkpoints/."),
    "load":      Command(do=_actions.load, takes="FILE", names_file=True,
                         meaning="Take up what was saved; the model stays."),
    "quit":      Command(do=_actions.end, meaning="End, as Ctrl-D does."),
}  # fmt: skip
"""Every command, by name, in the order in which the help lists them."""

KEYS = {
    "Alt-Enter":  'Begin another line; so does Enter after a \\, or within """.',
    "Ctrl-C":     "Stop the answer; at the prompt, clear the line.",
    "Ctrl-D":     "End.",
}  # fmt: skip
"""What keys do, beyond what they do in a shell."""
