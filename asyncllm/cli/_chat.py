"""``asyncllm chat``: a conversation in the terminal, or line by line from a pipe."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import anyio
import typer
from anyio.abc import TaskStatus

from asyncllm._llm import LLM

from ._model_options import Debug, Like, Model, Policy, Setting, Strict, chosen
from ._options import with_parameters
from ._outcomes import explained, keys_in

if TYPE_CHECKING:
    from ._conversation import Conversation
    from ._lines import Lines

Explaining: TypeAlias = Callable[[], AbstractContextManager[None]]

GONE = 141
"""The exit code where whoever read the answers went away: there is nobody left to talk to."""


@with_parameters
def chat(
    *,
    model: Model = None,
    load: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take up a conversation that /save has saved.")
    ] = None,
    strict: Strict = False,
    policy: Policy = None,
    like: Like = None,
    setting: Setting = None,
    debug: Debug = False,
    **given: Any,
) -> None:
    """
    Talk with a model: a conversation in the terminal, or a line at a time from a pipe.

    A line that begins with / is for the program: /help lists what it knows. Answers are printed to standard
    output, all else to standard error. From a pipe, the exit code tells what failed after the last answer.
    """
    # Here and not below: where the extra is incomplete, that is what it says, and not "a bug".
    from ._conversation import Conversation

    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    lines = _lines(at_terminal=at_terminal)
    explaining = partial(explained, debug=debug, keys=keys_in(setting))
    with explaining():
        llm = chosen(model, strict=strict, policy=policy, like=like, setting=setting, given=given)
        conversation = Conversation(llm, at_terminal=at_terminal)
        anyio.run(_talk, conversation, lines(llm), load, explaining)
    if conversation.code:
        raise typer.Exit(conversation.code)


def _lines(*, at_terminal: bool) -> Callable[[LLM], Lines]:
    if at_terminal:
        from ._terminal import Terminal

        return Terminal

    from ._lines import Piped

    return lambda _: Piped()


async def _talk(conversation: Conversation, lines: Lines, load: Path | None, explaining: Explaining) -> None:
    from . import _actions, _print

    async with conversation.llm as llm:
        if load is not None:
            await _actions.load(conversation, str(load))
        if not conversation.at_terminal:
            await _turns(conversation, lines, explaining)
            return

        _print.words(f"{llm.model_name}: /help lists what can be told, Ctrl-D ends\n", style="dim")
        async with anyio.create_task_group() as group:
            await group.start(_listen, conversation)
            await _turns(conversation, lines, explaining)
            group.cancel_scope.cancel()
        # Who has read what went wrong needs no code for it.
        conversation.code = 0


async def _listen(conversation: Conversation, *, task_status: TaskStatus[None]) -> None:
    """Let Ctrl-C stop the answer, and nothing else, for as long as the conversation lasts."""
    if sys.platform == "win32":  # No event loop takes signals there: Ctrl-C ends the program.
        task_status.started()
        return

    with anyio.open_signal_receiver(signal.SIGINT) as signals:
        task_status.started()
        async for _ in signals:
            conversation.stop()


async def _turns(conversation: Conversation, lines: Lines, explaining: Explaining) -> None:
    """Take turns until one of both ends it."""
    from ._commands import obey

    while not conversation.ended and (text := await lines.next()) is not None:
        try:
            with explaining():
                if text.startswith("/"):
                    await obey(conversation, text)
                elif text.strip():
                    await conversation.say(text)
        except typer.Exit as told:
            conversation.failed(told.exit_code)
            conversation.ended = told.exit_code == GONE
