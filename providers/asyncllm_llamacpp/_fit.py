"""How many layers of a model fit into the memory of GPUs. Estimates: nothing is asked of llama.cpp."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from ._gguf import Tensor

MARGIN = 2**29
"""Bytes of a GPU that stay free: what its driver takes while it computes is not known, and no error is
returned where that fails, but the process ends."""
LEVELS = 16
"""So finely is balanced how full GPUs are."""
_BLOCK = "blk."
_OUTPUT = "output"
_INPUT = "token_embd."
_NUMBER = 4
"""Bytes: what is computed has single precision."""
_ACTIVATIONS = 16
"""As many times a layer's width may be needed at once for each token of a step."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a model takes on GPUs, in bytes."""

    layers: tuple[int, ...]
    """Each layer, in their order, with its part of the context; the last is the output."""
    compute: int
    """Each GPU that has a layer, to compute in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a step computes with, which says how much memory that takes."""

    tokens: int
    cells: int
    """Tokens that there is room for in the context."""
    width: int
    """Numbers that a layer makes of each token."""
    heads: int
    vocabulary: int
    is_flash: bool
    """Whether attention leaves no matrix of all tokens with all others."""


def weights_of_layers(tensors: Sequence[Tensor]) -> tuple[int, ...]:
    """Return the bytes of each layer, the output last: what else there is stays with the CPU."""
    blocks: dict[int, int] = {}
    output = shared = 0
    has_output = False
    for tensor in tensors:
        number = tensor.name.removeprefix(_BLOCK).partition(".")[0]
        if tensor.name.startswith(_BLOCK) and number.isdecimal():
            blocks[int(number)] = blocks.get(int(number), 0) + tensor.size
        elif tensor.name.startswith(_OUTPUT):
            output += tensor.size
            has_output |= tensor.name == f"{_OUTPUT}.weight"
        elif tensor.name.startswith(_INPUT):
            shared += tensor.size
    # Where there is none of its own, the output takes a copy of what reads the input.
    last = output if has_output else output + shared
    return (*(blocks.get(number, 0) for number in range(max(blocks, default=-1) + 1)), last)


def demand(weights: Sequence[int], *, context: int, step: Step) -> Demand:
    """
    Return what a model takes.

    Args:
        weights: Of each layer, the output last.

        context: What each layer but the output takes for it.

        step: What a step computes with.
    """
    scores = 0 if step.is_flash else step.heads * step.cells
    numbers = step.vocabulary + step.cells + scores + _ACTIVATIONS * step.width
    *layers, output = weights
    return Demand(
        layers=(*(size + context for size in layers), output),
        compute=MARGIN + step.tokens * numbers * _NUMBER,
    )


def fitting(wanted: Demand, free: Sequence[int], shares: Sequence[float] | None = None) -> tuple[int, ...]:
    """
    Return how many layers go to each GPU: as many as fit, the last ones of the model first.

    Args:
        wanted: What the model takes.

        free: How many bytes each GPU has.

        shares: In what proportion they share the layers; None is so that they are about equally full.
    """
    rooms = [max(0, each - wanted.compute) for each in free]
    for first in range(len(wanted.layers)):
        sizes = wanted.layers[first:]
        counts = _balanced(sizes, rooms) if shares is None else _in_shares(sizes, rooms, shares)
        if counts is not None:
            return counts
    return (0,) * len(free)


def fewer(counts: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield *counts*, and then about a quarter less each time, down to none."""
    now = tuple(counts)
    while sum(now):
        yield now
        now = tuple(count * 3 // 4 for count in now)
    yield now


def _balanced(sizes: Sequence[int], rooms: Sequence[int]) -> tuple[int, ...] | None:
    levels = ([room * level // LEVELS for room in rooms] for level in range(1, LEVELS + 1))
    return next((counts for level in levels if (counts := _packed(sizes, level)) is not None), None)


def _packed(sizes: Sequence[int], rooms: Sequence[int]) -> tuple[int, ...] | None:
    """Return how many go to each in turn, none of which can be overfull; None where not all go."""
    counts: list[int] = []
    at = 0
    for room in rooms:
        start, used = at, 0
        while at < len(sizes) and used + sizes[at] <= room:
            used += sizes[at]
            at += 1
        counts.append(at - start)
    return tuple(counts) if at == len(sizes) else None


def _in_shares(sizes: Sequence[int], rooms: Sequence[int], shares: Sequence[float]) -> tuple[int, ...] | None:
    """Return how many go to each as llama.cpp deals them out; None where that does not fit."""
    ends = [end / sum(shares) for end in accumulate(shares)]
    used, counts = [0] * len(rooms), [0] * len(rooms)
    for at, size in enumerate(sizes):
        gpu = min(bisect_right(ends, at / len(sizes)), len(rooms) - 1)
        used[gpu] += size
        counts[gpu] += 1
    return tuple(counts) if all(map(int.__le__, used, rooms)) else None
