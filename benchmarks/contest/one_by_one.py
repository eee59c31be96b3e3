"""``llama_cpp.Llama``: one sequence, so one call after another."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import anyio
from llama_cpp import Llama, llama_vocab_is_eog
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from asyncllm.cli._bench_calls import Clock, Timed

from .match import Match, Spent
from .workloads import Task


class OneByOne:
    """
    A ``Llama`` behind a lock.

    It is used by :meth:`Llama.generate`, which is the quickest way through it: its
    chat interface computes a bias in Python. That method ends no answer by itself,
    so nothing has to keep the model from it.
    """

    def __init__(self, llama: Llama, max_tokens: int) -> None:
        self._llama = llama
        self._max_tokens = max_tokens
        self._turn = anyio.CapacityLimiter(1)
        self._template = template(llama)

    async def ask(self, task: Task) -> Timed:
        return await anyio.to_thread.run_sync(self._answer, task, Clock(), limiter=self._turn)

    async def wake(self) -> None:
        """Nothing: without a call it does nothing."""

    async def rest(self) -> None:
        """Nothing, likewise."""

    async def spent(self) -> Spent | None:
        return None

    def _answer(self, task: Task, clock: Clock) -> Timed:
        messages: Any = task.messages
        written = self._template(messages=messages)
        prompt = self._llama.tokenize(
            written.prompt.encode(), add_bos=not written.added_special, special=True
        )
        count = 0
        for token in islice(self._llama.generate(prompt, temp=0.0), self._max_tokens):
            count += 1
            if self._llama.detokenize([token]):
                clock.piece()
        return clock.over(count, prompt_tokens=len(prompt))


@asynccontextmanager
async def opened(match: Match) -> AsyncGenerator[OneByOne]:
    """Open a ``Llama`` with its own defaults, but for what the match says."""
    llama = await anyio.to_thread.run_sync(
        lambda: Llama(
            str(match.model),
            n_ctx=match.room,
            n_threads=match.threads,
            n_threads_batch=match.threads,
            n_gpu_layers=match.gpu_layers,
            verbose=False,
        )
    )
    try:
        yield OneByOne(llama, match.max_tokens)
    finally:
        llama.close()


def template(llama: Llama) -> Jinja2ChatFormatter:
    """Return the chat template that the file carries."""
    begin, end = (int(llama.metadata.get(f"tokenizer.ggml.{kind}_token_id", -1)) for kind in ("bos", "eos"))
    return Jinja2ChatFormatter(
        llama.metadata["tokenizer.chat_template"],
        bos_token=_word(llama, begin),
        eos_token=_word(llama, end),
    )


def vocabulary(model: Path) -> Llama:
    """Return *model* without its weights: it counts tokens."""
    return Llama(str(model), vocab_only=True, verbose=False)


def ends(llama: Llama) -> tuple[int, ...]:
    """Return the tokens by which the model ends an answer."""
    vocab = llama._model.vocab  # noqa: SLF001 - the binding has no public way to it
    return tuple(token for token in range(llama.n_vocab()) if llama_vocab_is_eog(vocab, token))


def _word(llama: Llama, token: int) -> str:
    return "" if token < 0 else llama.detokenize([token], special=True).decode(errors="replace")
