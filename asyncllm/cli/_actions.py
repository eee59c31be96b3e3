"""What each command does."""

from __future__ import annotations

from pathlib import Path

import anyio
from anyio.to_thread import run_sync

from asyncllm._checkpoints._file import read
from asyncllm._llm import LLM
from asyncllm._readings import value
from asyncllm._types import Adjustment, Prompt
from asyncllm._vocabulary import ALIASES, PARAMETERS, unknown
from asyncllm.errors import CheckpointError, InvalidParameter

from . import _print
from ._control_characters import harmless
from ._conversation import Conversation

SWITCH = {"on": True, "off": False}
ANYTHING: Prompt = "?"
"""What parameters are tried with."""


async def model(conversation: Conversation, name: str) -> None:
    if name:
        conversation.llm.set_model_name(name)
    _print.words(conversation.llm.model_name)


async def set_parameter(conversation: Conversation, rest: str) -> None:
    spelling, _, text = rest.partition(" ")
    name = canonical(spelling)
    if not text.strip():
        raise InvalidParameter(f"{spelling} takes {PARAMETERS[name].kind}")
    conversation.llm.set_parameter(name, value(name, text.strip(), spelling))
    _print_parameter(conversation.llm, name)


async def unset(conversation: Conversation, spelling: str) -> None:
    conversation.llm.set_parameter(name := canonical(spelling), None)
    _print.words(f"{name} is not set")


async def params(conversation: Conversation, _: str) -> None:
    plan = conversation.llm.plan(ANYTHING)
    _print.facts((verdict.parameter, _became(verdict)) for verdict in plan.verdicts)
    if not plan.verdicts:
        _print.words("nothing is set: the model answers as it does by itself")
    if plan.refusal is not None:
        _print.note("refused", str(plan.refusal), style="yellow")


async def stats(conversation: Conversation, _: str) -> None:
    _print.words(str(conversation.llm.metrics()))


async def resources(conversation: Conversation, _: str) -> None:
    _print.words(str(conversation.llm.track_resource_utilization()))


async def save(conversation: Conversation, place: str) -> None:
    target = await anyio.Path(place or "checkpoints").expanduser()
    named = bool(target.suffix) and not await target.is_dir()
    if named:
        await _check_ours(target)
    saved = anyio.Path(await conversation.llm.asave_checkpoint(target.parent if named else target))
    if named:
        try:
            saved = await saved.replace(target)
        except OSError as exc:
            await saved.unlink(missing_ok=True)
            raise CheckpointError(f"{str(target)!r} was not saved: {exc.strerror}") from exc
    _print.words(f"saved: {harmless(str(saved))}")


async def _check_ours(target: anyio.Path) -> None:
    """Raise where *target* is there, and no checkpoint: nobody has said that it may go."""
    if not (await target.exists() or await target.is_symlink()):
        return

    try:
        await run_sync(read, Path(target))
    except CheckpointError as exc:
        raise CheckpointError(
            f"nothing was saved: {str(target)!r} is there already, and no checkpoint; say another name"
        ) from exc


async def load(conversation: Conversation, file: str) -> None:
    restored = await conversation.llm.aload_checkpoint(file)
    conversation.begin()
    _print.words(harmless(str(restored)))


async def history(conversation: Conversation, _: str) -> None:
    _print.facts((turn.role, harmless(turn.text)) for turn in conversation.llm.history)


async def undo(conversation: Conversation, _: str) -> None:
    _print.words(f"taken back: {harmless(conversation.undo())}")


async def retry(conversation: Conversation, _: str) -> None:
    await conversation.retry()


async def system(conversation: Conversation, text: str) -> None:
    if text:
        conversation.llm.set_system_prompt(text)
    _print_parameter(conversation.llm, "system_prompt")


async def creative(conversation: Conversation, said: str) -> None:
    if said not in SWITCH:
        raise InvalidParameter(f"creative mode is on or off; got {said!r}")
    conversation.llm.toggle_creative_mode(SWITCH[said])
    await params(conversation, "")


async def clear(conversation: Conversation, _: str) -> None:
    conversation.llm.clear_history()
    conversation.begin()
    _print.words("what was said is forgotten")


async def end(conversation: Conversation, _: str) -> None:
    conversation.ended = True


def canonical(spelling: str) -> str:
    name = spelling.replace("-", "_")
    if name in {"model", "model_name", "model_id"}:
        raise InvalidParameter(f"{spelling} is no parameter here: /model NAME asks another model")
    if name not in PARAMETERS and name not in ALIASES:
        raise unknown(spelling, (*PARAMETERS, *ALIASES))
    return ALIASES.get(name, name)


def _print_parameter(llm: LLM, name: str) -> None:
    if name not in llm.parameters:
        _print.words(f"{name} is not set")
        return

    verdicts = [each for each in llm.plan(ANYTHING).verdicts if each.parameter == name]
    _print.facts((name, _became(verdict)) for verdict in verdicts)


def _became(verdict: Adjustment) -> str:
    change = repr(verdict.asked) if verdict.asked is not None else ""
    if verdict.sent not in (None, verdict.asked):
        change = f"{change} -> {verdict.sent!r}".lstrip()
    return f"{change}  {verdict.verdict}" + (f": {verdict.reason}" if verdict.reason else "")
