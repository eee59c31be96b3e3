"""What a model computes in, and the step in which it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass

from asyncllm.errors import ConfigurationError, Unavailable

from ._attention import Attention
from ._batch import Batch
from ._interrupt import Brake, Interrupt
from ._memory import Memory
from ._native import complaints, llama


class Interrupted(Exception):
    """The step was broken off: all that took part in it are called off, or the engine is to stop."""


class Full(Exception):
    """llama.cpp found no cells for the step; nothing of it was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a context is."""

    longest: int
    """How many tokens a prompt and its answer may take together."""
    cells: int
    """How many all of them may take that are in the memory at a time."""
    sequences: int
    """How many strands may be in the memory at a time."""
    running: int
    """How many of these may be computed at a time."""
    batch: int
    """How many tokens of prompts may be read in a step."""


class Context:
    """
    A model's memory, and the steps that fill it. One thread at a time may use it, but for :meth:`halt`.

    Args:
        make: Makes llama.cpp's context.

        size: How large it is.

        whole: Whether the memory can only copy whole strands.

        vocabulary_size: How many tokens there are.
    """

    def __init__(self, make: Callable[[], int], *, size: Size, whole: bool, vocabulary_size: int) -> None:
        self._make = make
        self._whole = whole
        self.size = size
        self.handle = make()
        """llama.cpp's; another one after :meth:`renew`."""
        self.memory = self._remember()
        room: int = llama.llama_n_batch(self.handle)
        assert room >= size.sequences
        self.batch = Batch(room=room, sequences=size.sequences, vocabulary_size=vocabulary_size)
        self.steps = 0
        """How often the model was computed."""
        self.tokens = 0
        """How many tokens it has read in these steps."""
        self.seconds = 0.0
        """How long the steps took."""
        self._brake = Brake()
        self._taking_part: tuple[Interrupt, ...] = ()
        self._is_halted = False

    def compute(self, interrupts: Iterable[Interrupt]) -> None:
        """
        Let the model read the batch; it can then be asked what comes next in each heard row.

        Args:
            interrupts: Those of the calls that take part: where all are set, the step is broken off.

        Raises:
            Interrupted: It was broken off.
            Full: There were no cells for it.
            Unavailable: llama.cpp failed.
        """
        self._arm(tuple(interrupts))
        if self._brake.is_pulled:
            raise Interrupted
        began = time.perf_counter()
        code: int = llama.llama_decode(self.handle, self.batch.native)
        self.seconds += time.perf_counter() - began
        self.steps += 1
        if code == 0:
            self.tokens += self.batch.count
        elif self._brake.is_pulled and code > 0:  # What is below is fatal, also to who leaves.
            complaints()  # Those over what was broken off.
            raise Interrupted
        elif code == _NO_ROOM:
            complaints()
            raise Full
        else:
            reason = _FAILURES.get(code, "the computation failed")
            raise Unavailable(f"llama.cpp stopped: {reason} (code {code}; {complaints()})")

    def halt(self) -> None:
        """Break the step off that is under way, and all that follow; any thread may call this."""
        self._is_halted = True
        self._brake.pull()

    def renew(self) -> None:
        """Begin anew with an empty memory, after a step that failed: what it left behind is not known."""
        llama.llama_free(self.handle)
        self.handle = 0
        self.handle = self._make()
        self.memory = self._remember()
        self._taking_part = ()

    def close(self) -> None:
        if self.handle:
            llama.llama_free(self.handle)

    def _remember(self) -> Memory:
        size = self.size
        return Memory(self.handle, cells=size.cells, sequences=size.sequences, whole=self._whole)

    def _arm(self, interrupts: tuple[Interrupt, ...]) -> None:
        if interrupts == self._taking_part and interrupts:
            return

        # A new one each time: whoever looks at the old one late must not break off another step.
        self._brake = Brake(interrupts)  # Kept alive: llama.cpp holds its address.
        self._taking_part = interrupts
        llama.llama_set_abort_callback(self.handle, Brake.callback, self._brake.address)
        if self._is_halted:
            self._brake.pull()


_NO_ROOM = 1
_FAILURES = {
    2: "the computation was broken off",
    -1: "the tokens were not accepted",
}


@contextmanager
def context(
    model: int, *, size: Size, threads: int, attention: Attention, whole: bool, vocabulary_size: int
) -> Generator[Context]:
    """Make a context for *model*, and free it in the end."""
    params = llama.llama_context_default_params()
    attention.fill(params)
    params.n_ctx = size.cells
    params.n_seq_max = size.sequences
    params.kv_unified = True  # Strands share cells, and all the room there is.
    # llama.cpp ends the process where a row for each sequence does not go into a step.
    params.n_batch = max(size.batch, size.sequences)
    params.n_ubatch = min(params.n_batch, params.n_ubatch)
    params.n_threads = params.n_threads_batch = threads
    params.no_perf = True

    def make() -> int:
        complaints()
        handle: int | None = llama.llama_init_from_model(model, params)
        if not handle:
            raise ConfigurationError(
                f"llama.cpp cannot make a context of {size.cells} tokens: {complaints()}; "
                f"where memory is short, ask for less with context_size=… or total_context=…"
            )
        return handle

    made = Context(make, size=size, whole=whole, vocabulary_size=vocabulary_size)
    try:
        yield made
    finally:
        made.close()
