"""What the methods for many tasks take by name."""

from __future__ import annotations

from asyncllm._vocabulary import Params


class BatchOptions(Params, total=False):
    """The arguments of :meth:`LLM.abatch`, and the parameters of each call."""

    max_concurrency: int
    ordered: bool
    on_error: str
    deadline: float | None
    max_total_tokens: int | None
    max_cost: float | None
