"""How several GPUs share a model."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from asyncllm.errors import InvalidParameter

from ._native import llama

MODES = {
    "none":  llama.LLAMA_SPLIT_MODE_NONE,
    "layer": llama.LLAMA_SPLIT_MODE_LAYER,
    "row":   llama.LLAMA_SPLIT_MODE_ROW,
}  # fmt: skip
"""The model is on one GPU; whole layers are on one or another; each matrix is on all of them."""

MOST: int = llama.llama_max_devices()
"""GPUs that llama.cpp shares a model among."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """How several GPUs share a model; None is what llama.cpp does by itself, or what the others mean."""

    split_mode: str | None = None
    """One of :data:`MODES`."""
    tensor_split: tuple[float, ...] | None = None
    """How much each GPU gets, in any unit."""
    main_gpu: int | None = None
    """Which of the GPUs holds all, counted from 0."""

    @classmethod
    def of(
        cls, split_mode: str | None, tensor_split: Sequence[float] | None, main_gpu: int | None
    ) -> Sharing:
        """Return what the settings say."""
        # What is no list has no number for any GPU.
        is_list = isinstance(cast("object", tensor_split), list | tuple)
        shares = None if tensor_split is None else tuple(tensor_split) if is_list else ()
        return cls(split_mode=split_mode, tensor_split=shares, main_gpu=main_gpu)

    def __post_init__(self) -> None:
        if self.split_mode is not None and self.split_mode not in [*MODES]:
            raise InvalidParameter(f"split_mode takes {', '.join(MODES)}; got {self.split_mode!r}")
        if self.tensor_split is not None:
            _expect_shares(self.tensor_split)
        if self.main_gpu is not None and (type(self.main_gpu) is not int or self.main_gpu < 0):
            raise InvalidParameter(f"main_gpu takes a whole number from 0 on; got {self.main_gpu!r}")
        if self.main_gpu is not None and self.split_mode not in {None, "none"}:
            raise InvalidParameter(
                f"main_gpu={self.main_gpu} puts all on one GPU, and split_mode={self.split_mode!r} "
                f"shares it; give one of them"
            )
        if self.tensor_split is not None and self.mode == "none":
            other = "main_gpu" if self.split_mode is None else "split_mode"
            raise InvalidParameter(
                f"tensor_split shares the model, and {other} puts all on one GPU; give one of them"
            )

    @property
    def mode(self) -> str:
        """How it comes out."""
        return self.split_mode or ("layer" if self.main_gpu is None else "none")

    @property
    def given(self) -> str:
        """The names of what is set, for a message; empty where nothing is."""
        return ", ".join(
            name for name in ("split_mode", "tensor_split", "main_gpu") if getattr(self, name) is not None
        )

    def expect(self, names: Sequence[str]) -> None:
        """
        Raise where the GPUs of these *names* cannot share so.

        Raises:
            InvalidParameter: The message says what they can.
        """
        there = f"{len(names)} ({', '.join(names)})"
        if self.tensor_split is not None and len(self.tensor_split) != len(names):
            raise InvalidParameter(
                f"tensor_split takes a number for each GPU that takes part, of which there are {there}; "
                f"got {len(self.tensor_split)}"
            )
        if self.tensor_split is not None and len(names) == 1:
            raise InvalidParameter(f"tensor_split shares among several GPUs, and there is one ({names[0]})")
        if self.main_gpu is not None and self.main_gpu >= len(names):
            raise InvalidParameter(
                f"main_gpu={self.main_gpu} is none of the GPUs that take part, of which there are {there}, "
                f"counted from 0"
            )

    def taking_part(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return which of the GPUs of these *names* hold something."""
        first = self.main_gpu or 0
        return tuple(names[first : first + 1] if self.mode == "none" else names)

    def fill(self, params: Any, split: Sequence[float] | None = None) -> None:
        """Write it into llama.cpp's *params*, with *split* where no shares are set."""
        params.split_mode = MODES[self.mode]
        params.main_gpu = self.main_gpu or 0
        if shares := self.tensor_split or split:
            # Kept alive by the params, from which llama.cpp copies them.
            params.tensor_split = (ctypes.c_float * MOST)(*shares)


def _expect_shares(shares: Sequence[Any]) -> None:
    numbers = [each for each in shares if isinstance(each, int | float) and not isinstance(each, bool)]
    if (
        not 0 < len(numbers) <= MOST
        or len(numbers) < len(shares)
        or not all(math.isfinite(each) and each >= 0 for each in numbers)
        or not sum(numbers)
    ):
        raise InvalidParameter(
            f"tensor_split takes a list of numbers from 0 on, one for each of at most {MOST} GPUs and "
            f"not all zero; got {[*shares]}"
        )
