"""What a model computes in: its memory of the tokens so far, and the step that adds to it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from asyncllm.errors import ConfigurationError, Unavailable

from ._native import Interrupt, complaints, llama


class Interrupted(Exception):
    """The computation was broken off because its interrupt was set."""


class Context:
    """A model's memory, for one sequence. One thread at a time may use it."""

    def __init__(self, handle: int, *, size: int, vocabulary_size: int) -> None:
        self.handle = handle
        self.size = size
        """How many tokens a prompt and its answer may take together."""
        self.steps = 0
        """How often the model was computed."""
        self.batch_size: int = llama.llama_n_batch(handle)
        """How many tokens fit into a step."""
        self._vocabulary_size = vocabulary_size
        self._memory = llama.llama_get_memory(handle)
        self._batch: Any = llama.llama_batch_init(self.batch_size, 0, 1)
        self._used = 0
        self._interrupt = Interrupt()

    @property
    def used(self) -> int:
        """How many tokens it holds."""
        return self._used

    def begin(self, interrupt: Interrupt) -> None:
        """Forget all tokens; from now on, *interrupt* breaks a step off."""
        complaints()  # Those over what was broken off before.
        llama.llama_memory_clear(self._memory, False)
        llama.llama_set_abort_callback(self.handle, interrupt.callback, interrupt.address)
        self._interrupt = interrupt  # Kept alive: llama.cpp holds its address.
        self._used = 0

    def compute(self, tokens: Sequence[int]) -> None:
        """
        Let the model read *tokens*; it can then be asked what comes next.

        Raises:
            Interrupted: The interrupt was set.
            Unavailable: llama.cpp failed.
        """
        if self._interrupt.is_set:
            raise Interrupted
        self._fill(tokens)
        code: int = llama.llama_decode(self.handle, self._batch)
        self.steps += 1
        if code == 0:
            self._used += len(tokens)
        elif self._interrupt.is_set:
            raise Interrupted
        else:
            reason = _FAILURES.get(code, "the computation failed")
            raise Unavailable(f"llama.cpp stopped: {reason} (code {code}; {complaints()})")

    def close(self) -> None:
        llama.llama_batch_free(self._batch)
        llama.llama_free(self.handle)

    def _fill(self, tokens: Sequence[int]) -> None:
        # llama.cpp ends the process where one of these does not hold.
        assert 0 < len(tokens) <= min(self.batch_size, self.size - self._used)
        assert all(0 <= token < self._vocabulary_size for token in tokens)
        batch = self._batch
        batch.n_tokens = len(tokens)
        for at, token in enumerate(tokens):
            batch.token[at] = token
            batch.pos[at] = self._used + at
            batch.n_seq_id[at] = 1
            batch.seq_id[at][0] = 0
            batch.logits[at] = at == len(tokens) - 1


_FAILURES = {
    1: "the context has no room left",
    2: "the computation was broken off",
    -1: "the tokens were not accepted",
}


@contextmanager
def context(
    model: int, *, size: int, batch_size: int, threads: int, vocabulary_size: int
) -> Generator[Context]:
    """Make a context for *model*, and free it in the end."""
    params = llama.llama_context_default_params()
    params.n_ctx = size
    params.n_batch = batch_size
    params.n_ubatch = min(batch_size, params.n_ubatch)
    params.n_threads = params.n_threads_batch = threads
    params.no_perf = True
    complaints()
    handle = llama.llama_init_from_model(model, params)
    if not handle:
        raise ConfigurationError(
            f"llama.cpp cannot make a context of {size} tokens: {complaints()}; "
            f"where memory is short, ask for less with context_size=…"
        )

    made = Context(handle, size=size, vocabulary_size=vocabulary_size)
    try:
        yield made
    finally:
        made.close()
