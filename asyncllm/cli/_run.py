"""``asyncllm run``: ask once, print the answer as it comes."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import anyio
import typer

from asyncllm._llm import LLM
from asyncllm._registry import DEFAULT_MODEL
from asyncllm._types import Response
from asyncllm.errors import InvalidTask

from . import _answers
from ._options import parameters, policies, settings, with_parameters
from ._outcomes import explained, secrets_in


@with_parameters
def run(
    prompt: Annotated[str, typer.Argument(help="What to ask; - reads it from standard input.")],
    *,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help=f"As in openai:gpt-5.2; else $ASYNCLLM_MODEL or {DEFAULT_MODEL}."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail where the provider would not do just what was asked.")
    ] = False,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PARAMETER=POLICY",
            help="Where one is not taken as asked: adapt, require (fail) or ignore; repeatable.",
        ),
    ] = None,
    like: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Treat the model like this one, as in gpt-4.1.")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A setting of the provider's; repeatable."),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Print what would be sent, and send nothing.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole response as JSON, once it is there.")
    ] = False,
    stats: Annotated[
        bool, typer.Option("--stats", help="Print tokens, times and adjustments to standard error.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="ASYNCLLM_DEBUG", help="Show where an error came from.")
    ] = False,
    **given: Any,
) -> None:
    """Ask a model and print its answer as it comes."""
    with explained(debug=debug, secrets=_secrets(setting or [])):
        llm = LLM(
            model,
            strict=strict,
            policy=policies(policy or []),
            like=like,
            **parameters(given),
            **settings(setting or []),
        )
        if plan:
            planned = llm.plan(_task(prompt))
            sys.stdout.write((_answers.plan_as_json(planned) if as_json else str(planned)) + "\n")
            return

        response = anyio.run(_answer, llm, _task(prompt), not as_json)
        if as_json:
            sys.stdout.write(_answers.as_json(response) + "\n")
        else:
            for number, text in enumerate(response.texts[1:], 2):
                sys.stdout.write(f"\n--- {number} of {len(response.texts)} ---\n{text}\n")
        _tell(response, stats=stats, changes=not (stats or as_json))


async def _answer(llm: LLM, task: str, aloud: bool) -> Response:
    """Take the answer piece by piece; Ctrl-C cancels this task, which ends the call behind it."""
    async with llm, llm.astream(task) as stream:
        try:
            async for piece in stream:
                if aloud:
                    sys.stdout.write(piece)
                    sys.stdout.flush()
        finally:
            if aloud and stream.text:
                sys.stdout.write("\n")
        return stream.response


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


def _secrets(given: list[str]) -> set[str]:
    pairs = (text.partition("=") for text in given)
    return secrets_in({name: text.strip("\"'") for name, _, text in pairs}, os.environ)
