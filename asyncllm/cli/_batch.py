"""``asyncllm batch``: ask many tasks from a file, write what comes of them to another."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import anyio
import typer

from asyncllm.batch import ResultFile
from asyncllm.batch._files._formats import FORMATS, STANDARD
from asyncllm.errors import InvalidParameter

from ._batch_paths import check_apart
from ._batch_run import Plan, asked, tell
from ._batch_settings import call_settings, llm_settings, patience
from ._model_options import Debug, Like, Model, Policy, Setting, Strict, chosen
from ._options import with_parameters
from ._outcomes import explained, keys_in

CODES = """\b
Exit codes, where they are other than elsewhere:
    1  some tasks failed, or were not begun
  130  stopped by Ctrl-C: once, what is in flight ends and is written; twice, it is cancelled"""


@with_parameters
def batch(
    tasks: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A task a line or row: .jsonl, .txt, .csv, .parquet; - reads standard input.",
        ),
    ],
    *,
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where results go: .jsonl, .csv, .parquet; - prints them."
        ),
    ] = STANDARD,
    form: Annotated[
        str | None,
        typer.Option("--format", help=f"That of the tasks, where the name is silent: {', '.join(FORMATS)}."),
    ] = None,
    model: Model = None,
    max_concurrency: Annotated[
        int | None, typer.Option(metavar="N", help="Ask at most this many at a time.", min=1)
    ] = None,
    rpm: Annotated[
        int | None, typer.Option("--rpm", metavar="N", help="Send at most so many requests a minute.", min=1)
    ] = None,
    tpm: Annotated[
        int | None, typer.Option("--tpm", metavar="N", help="Use at most so many tokens a minute.", min=1)
    ] = None,
    journal: Annotated[
        str | None, typer.Option(metavar="FILE", help="Note there what is sent and what comes of it.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the journal ends, and add to the results.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the results that are there.")] = False,
    via: Annotated[
        str | None, typer.Option(help="Ask by single calls, by the provider's own batches, or auto.")
    ] = None,
    poll: Annotated[
        float | None,
        typer.Option("--poll", metavar="SECONDS", help="Look this often at the provider's batches.", min=0.1),
    ] = None,
    deadline: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Give the whole batch this long.")
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(metavar="DOLLARS", help="Begin no more once this much was spent.")
    ] = None,
    max_total_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-total-tokens",
            "--max-tokens-total",
            metavar="N",
            help="Begin no more once so many tokens were used.",
        ),
    ] = None,
    on_error: Annotated[
        str | None, typer.Option(metavar="keep|raise|stop-after:N", help="What a task that fails does.")
    ] = None,
    ordered: Annotated[bool, typer.Option("--ordered", help="Write results in the tasks' order.")] = False,
    strict: Strict = False,
    policy: Policy = None,
    like: Like = None,
    setting: Setting = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    debug: Debug = False,
    **given: Any,
) -> None:
    """
    Ask every task in a file, many at a time, and write the results as they come.

    A file is read to its end once before anything is sent, so that a bad line costs nothing.
    """
    with explained(debug=debug, keys=keys_in(setting)):
        if resume and journal is None:
            raise InvalidParameter("--resume goes on from a journal: name it with --journal")
        check_apart(tasks=tasks, output=output, journal=journal)
        llm = chosen(
            model,
            strict=strict,
            policy=policy,
            like=like,
            setting=setting,
            given=given,
            **llm_settings(rpm, tpm),
        )
        plan = Plan(
            tasks=tasks,
            format=form,
            results=ResultFile(output, resume=resume, force=force),
            quiet=quiet,
            settings=call_settings(
                max_concurrency=max_concurrency,
                ordered=ordered or None,
                on_error=on_error,
                deadline=deadline,
                max_total_tokens=max_total_tokens,
                max_cost=max_cost,
                journal=journal,
                resume=resume if journal is not None else None,
                via=via,
                patience=patience(poll),
                # Results and a moving line would run into each other.
                progress=not quiet and not (output == STANDARD and sys.stdout.isatty()),
            ),
        )
        ended = anyio.run(asked, llm, plan)
        if not quiet:
            tell(ended)
    if ended.code:
        raise typer.Exit(ended.code)
