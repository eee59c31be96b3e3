"""How large a model's memory is to be."""

from __future__ import annotations

from pathlib import Path

import psutil

from asyncllm.errors import ConfigurationError

from ._context import Size
from ._settings import Settings

USUAL_CONTEXT = 8192
"""The most tokens of context that nobody asked for: memory grows with them."""
USUAL_TOTAL = 8192
"""The least that calls may take together, unless all of them need less, or there is no memory for it."""
SHARE = 4
"""One part in so many of the free memory may go to what the model remembers."""

MOST_SEQUENCES = 256
"""llama.cpp makes no context for more."""
KEPT = 3
"""For each call that runs, so many more may be kept; what cannot be cut takes memory for each of them."""
KEPT_WHOLE = 1

MICROBATCH = 512
"""Tokens that llama.cpp computes at once, at most."""
_NUMBER = 4
"""Bytes: what is computed has single precision."""
_GIB = 2**30

_LIMIT = Path("/sys/fs/cgroup/memory.max")
_USED = Path("/sys/fs/cgroup/memory.current")


def size(settings: Settings, *, trained: int, bytes_per_cell: int, whole: bool) -> Size:
    """
    Return how large a context is to be.

    Args:
        settings: What was asked for.

        trained: How many tokens of context the model was trained with.

        bytes_per_cell: How much memory a token takes.

        whole: Whether the memory can only copy whole strands.
    """
    longest = settings.context_size or min(trained, USUAL_CONTEXT)
    running = settings.max_sequences
    kept = running * (KEPT_WHOLE if whole else KEPT)
    sequences = min(MOST_SEQUENCES, running + kept)
    masks = _masks(settings.batch_size, sequences)
    total = settings.total_context or _total(longest, running, bytes_per_cell + masks)
    return Size(
        longest=longest,
        cells=max(longest, total, sequences),
        sequences=sequences,
        running=running,
        batch=settings.batch_size,
    )


def expect_room(size: Size, *, bytes_per_cell: int) -> None:
    """
    Raise where a context cannot be in the memory that is free: llama.cpp works at it for minutes.

    Args:
        size: How large it is.

        bytes_per_cell: How much memory a token takes at least.

    Raises:
        ConfigurationError: The message says how much it takes, and how much is free.
    """
    needed, free = size.cells * (bytes_per_cell + _masks(size.batch, size.sequences)), available()
    if needed > free:
        raise ConfigurationError(
            f"a context of {size.cells} tokens takes {needed / _GIB:.1f} GiB of memory, "
            f"and {free / _GIB:.1f} are free; ask for less with context_size=… or total_context=…"
        )


def _masks(batch: int, sequences: int) -> int:
    """Return how many bytes a cell takes of a step's mask: which of its tokens see what is in it."""
    return min(max(batch, sequences), MICROBATCH) * _NUMBER


def _total(longest: int, running: int, bytes_per_cell: int) -> int:
    """Return how many tokens calls may take together, where nobody said."""
    wanted = min(longest * running, max(2 * longest, USUAL_TOTAL))
    return min(wanted, available() // SHARE // max(bytes_per_cell, 1))


def available() -> int:
    """Return how many bytes of memory are free; a container may have less than the machine."""
    free: int = psutil.virtual_memory().available
    try:
        return max(0, min(free, int(_LIMIT.read_text()) - int(_USED.read_text())))
    except (OSError, ValueError):  # No such file, or no limit.
        return free
