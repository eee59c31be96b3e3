"""``asyncllm run``: ask once, print the answer as it comes."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import anyio
import typer

from asyncllm._llm import LLM
from asyncllm._stream import Stream
from asyncllm._types import Response
from asyncllm.errors import InvalidTask

from . import _answers
from ._control_characters import harmless, shown
from ._model_options import Debug, Like, Model, Policy, Setting, Strict, chosen
from ._options import with_parameters
from ._outcomes import explained, keys_in


@with_parameters
def run(
    prompt: Annotated[str, typer.Argument(help="What to ask; - reads it from standard input.")],
    *,
    model: Model = None,
    strict: Strict = False,
    policy: Policy = None,
    like: Like = None,
    setting: Setting = None,
    plan: Annotated[bool, typer.Option("--plan", help="Print what would be sent, and send nothing.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole response as JSON, once it is there.")
    ] = False,
    stats: Annotated[
        bool, typer.Option("--stats", help="Print tokens, times and adjustments to standard error.")
    ] = False,
    reasoning: Annotated[
        bool, typer.Option("--reasoning", help="Print what the model thinks to standard error, as it comes.")
    ] = False,
    debug: Debug = False,
    **given: Any,
) -> None:
    """Ask a model and print its answer as it comes."""
    with explained(debug=debug, keys=keys_in(setting)):
        llm = chosen(model, strict=strict, policy=policy, like=like, setting=setting, given=given)
        if plan:
            planned = llm.plan(_task(prompt))
            sys.stdout.write((_answers.plan_as_json(planned) if as_json else str(planned)) + "\n")
            return

        response = anyio.run(_answer, llm, _task(prompt), not as_json, reasoning)
        if as_json:
            sys.stdout.write(_answers.as_json(response) + "\n")
        else:
            sys.stdout.write(shown(_answers.others(response)))
        _tell(response, stats=stats, changes=not (stats or as_json))


async def _answer(llm: LLM, task: str, aloud: bool, reasoning: bool) -> Response:
    """Take the answer piece by piece; Ctrl-C cancels this task, which ends the call behind it."""
    async with llm, llm.astream(task) as stream:
        if reasoning:
            await _think(stream)
        try:
            async for piece in stream:
                if aloud:
                    sys.stdout.write(shown(piece))
                    sys.stdout.flush()
        finally:
            if aloud and stream.text:
                sys.stdout.write("\n")
        return stream.response


async def _think(stream: Stream) -> None:
    """Print what the model thinks, until its answer begins."""
    from . import _print

    async for piece in stream.reasoning_pieces():
        _print.piece(harmless(piece), style="dim")
    if stream.reasoning:
        _print.words("")


def _task(prompt: str) -> str:
    if prompt != "-":
        return prompt

    try:
        return sys.stdin.read()
    except UnicodeDecodeError as exc:
        raise InvalidTask(f"the prompt on standard input is not text: {exc.reason}") from exc


def _tell(response: Response, *, stats: bool, changes: bool) -> None:
    told = list(_answers.changes(response)) if changes else []
    if changes and any(choice.logprobs for choice in response.choices):
        told.append("log probabilities are printed with --json only")
    sys.stdout.flush()
    if stats or told:
        from . import _print

        _print.facts(_answers.stats(response) if stats else ())
        for change in told:
            _print.note("note", change, style="yellow")
