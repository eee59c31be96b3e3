"""What the methods for many tasks take by name."""

from __future__ import annotations

import os

from asyncllm._vocabulary import Params

from ._journal import JournalFile, Resume
from ._remote import Patience, Via
from ._report import Tell


class BatchOptions(Params, total=False):
    """The arguments of :meth:`LLM.abatch`, and the parameters of each call."""

    max_concurrency: int
    ordered: bool
    on_error: str
    deadline: float | None
    max_total_tokens: int | None
    max_cost: float | None
    journal: str | os.PathLike[str] | JournalFile | None
    resume: bool | Resume
    via: Via
    patience: Patience | None
    progress: bool | Tell
