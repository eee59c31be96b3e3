"""A dataset of prompts as one with answers."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack, cast

from asyncllm._kinds import Whole
from asyncllm._vocabulary import Parameter, Params
from asyncllm.batch._method import Batches
from asyncllm.errors import InvalidParameter

from ._asker import Asker
from ._library import library
from ._share import share, shared

if TYPE_CHECKING:
    from ray.data import Dataset

EACH = 16
"""How many rows an actor asks at a time, where nothing is said."""
ROWS = Parameter(Whole(low=1), "Give an actor this many rows at a time.", "rows")
ACTORS = Parameter(Whole(low=1), "Have this many actors.", "actors")


def ask(
    dataset: Dataset,
    llm: Batches,
    *,
    prompt: str = "prompt",
    key: str | None = None,
    per_row: Mapping[str, str] | None = None,
    into: str = "answer",
    on_error: str = "keep",
    concurrency: int | tuple[int, int] = 1,
    max_concurrency: int | None = None,
    batch_size: int = 256,
    num_cpus: float | None = None,
    num_gpus: float | None = None,
    runtime_env: Mapping[str, Any] | None = None,
    **params: Unpack[Params],
) -> Dataset:
    """
    Return *dataset* with an answer to each row's prompt.

    ::

        answers = ask(ray.data.read_parquet("prompts"), LLM("openai:gpt-4.1"), concurrency=4)
        answers.write_parquet("answers")

    Nothing is asked before the dataset is read, as with all that is made from one. Rows keep
    their columns, and get ``answer``, ``answer_error`` (the error's kind), ``answer_error_message``,
    ``answer_attempts``, ``answer_input_tokens``, ``answer_output_tokens``, ``answer_finish_reason`` and
    ``answer_adjustments``.

    Args:
        dataset: Prompts, one a row.

        llm:
            What to ask. It travels without its key, which each actor finds in its own environment.
            Its ``limits`` hold for all actors together: each gets the same share of them.

        prompt: The column of texts, or of conversations: lists of messages with a role and a content.

        key: The column of the rows' keys. It matters for a ``seed``: see :class:`Asker`.

        per_row: Parameters that each row has of its own: their names, and those of the columns.

        into: The column of the answers, with which the names of the others begin.

        on_error: ``"keep"``: a row that fails holds its error. ``"raise"``: the first one fails the job.

        concurrency: How many actors there are; or how many at least and at most.

        max_concurrency:
            Ask at most this many rows at a time, in all actors together: each gets the same share,
            for as many actors as there may be. Default: 16 for each actor.

        batch_size:
            How many rows an actor gets at a time: what is asked again where one is lost. At the end
            of each batch it waits for its slowest, so let it be several times an actor's share of
            *max_concurrency*.

        num_cpus: How many CPUs to reserve for each actor.

        num_gpus: How many GPUs to reserve for each actor: a local model sees no others.

        runtime_env: The environment of the actors, as Ray takes it.

        params: Parameters for each row, as in :meth:`LLM.arun`; a row's own win over them.

    Raises:
        ConfigurationError: Ray Data is not installed.
        InvalidParameter: An argument is of the wrong type or out of range.
    """
    least, most = _pool(concurrency)
    shares = share({"max_concurrency": EACH * most if max_concurrency is None else max_concurrency}, most)
    if (limits := llm.limits) is not None:
        llm = copy.copy(llm)
        llm.limits = shared(limits, most)
    given: dict[str, Any] = {
        "prompt": prompt,
        "key": key,
        "per_row": per_row,
        "into": into,
        "on_error": on_error,
        **shares,
        **params,
    }
    Asker(llm, **given)  # What is wrong is told here and now, and not by an actor later.
    rows = ROWS.check("batch_size", batch_size)
    data = library("ray.data")
    answered = cast("Any", dataset).map_batches(
        Asker,
        fn_constructor_args=(llm,),
        fn_constructor_kwargs=given,
        batch_size=rows,
        batch_format="pyarrow",
        compute=data.ActorPoolStrategy(min_size=least, max_size=most),
        num_cpus=num_cpus,
        num_gpus=num_gpus,
        **({} if runtime_env is None else {"runtime_env": dict(runtime_env)}),
    )
    # Else Ray raises an error of its own in place of the actor's.
    answered.context.raise_original_map_exception = True
    return cast("Dataset", answered)


def _pool(concurrency: int | tuple[int, ...]) -> tuple[int, int]:
    """Return how many actors there are at least and at most."""
    sizes = concurrency if isinstance(concurrency, tuple) else (concurrency, concurrency)
    if len(sizes) != 2:
        raise InvalidParameter(f"concurrency is a number of actors, or the least and the most; got {sizes!r}")
    least, most = (ACTORS.check("concurrency", size) for size in sizes)
    if least > most:
        raise InvalidParameter(f"concurrency is the least number of actors and then the most; got {sizes!r}")
    return least, most
