"""Which layers of a model go to which GPUs: as set, or as many as there is memory for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from asyncllm.errors import ConfigurationError
from asyncllm.provider import log

from ._capacity import MICROBATCH, size
from ._devices import choose, named
from ._fit import Demand, Step, demand, fewer, fitting, weights_of_layers
from ._gguf import Tensor
from ._placement import Placement
from ._settings import Settings
from ._weights import blueprint, copies_whole, heads, layers, shape, trained_context

T = TypeVar("T")

ALL = -1
_UNTOLD = 2**62
"""Bytes of a GPU that does not tell of its memory: whether it will do shows when it is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offload:
    """What is asked of llama.cpp."""

    layers: int
    """How many layers go to GPUs, or :data:`ALL`."""
    split: tuple[int, ...] | None = None
    """How many go to each, where that was worked out."""

    def where(self, settings: Settings) -> Hashable:
        """Return what tells this from whatever puts the weights elsewhere."""
        return self, settings.gpus, settings.sharing

    def fill(self, params: Any, settings: Settings) -> object:
        """Write it into llama.cpp's *params*; return what must live until the model is loaded."""
        params.n_gpu_layers = self.layers
        settings.sharing.fill(params, self.split)
        return choose(params, settings.gpus)


def offloads(
    path: Path, tensors: Sequence[Tensor], settings: Settings, *, keep_going: Callable[[], bool]
) -> Iterator[Offload]:
    """
    Yield what to try in turn: what was set, or as much as fits, and then less and less.

    Args:
        path: The model's file.

        tensors: What it holds.

        settings: How it is to be opened.

        keep_going: Asked while the file is read; where it says no, that is broken off.
    """
    names = settings.gpus
    if not names:
        yield Offload(layers=0)
        return
    if isinstance(settings.gpu_layers, int):
        yield Offload(layers=settings.gpu_layers)
        return
    if settings.gpu_layers == "all":
        yield Offload(layers=ALL)
        return

    there = [named(name) for name in settings.sharing.taking_part(names)]
    free = [_UNTOLD if not device.total else device.free for device in there]
    wanted = _demand(path, tensors, settings, keep_going=keep_going)
    shares = settings.sharing.tensor_split
    for counts in fewer(fitting(wanted, free, shares)):
        split = counts if shares is None and len(counts) > 1 else None
        yield Offload(layers=sum(counts), split=split)


@contextmanager
def first(
    offloads: Iterable[Offload],
    open_as: Callable[[Offload], AbstractContextManager[T]],
    *,
    keep_going: Callable[[], bool],
) -> Generator[T]:
    """
    Open as the first of *offloads* with which that goes, and close in the end; what is tried next is logged.

    Raises:
        ConfigurationError: It goes with none: the error of the last.
    """
    error: ConfigurationError | None = None
    with ExitStack() as stack:
        for offload in offloads:
            if error is not None:
                log("warning", "fewer_layers_tried", {"gpu_layers": offload.layers, "error": str(error)})
            try:
                opened = stack.enter_context(open_as(offload))
            except ConfigurationError as exc:
                if not keep_going():
                    raise
                error = exc
            else:
                break
        else:
            assert error is not None
            raise error

        yield opened


def tell(path: Path, settings: Settings, placement: Placement) -> None:
    """Log where the model in *path* came to be: a warning, where fewer layers than all fitted."""
    is_short = (
        bool(settings.gpus) and settings.gpu_layers == "auto" and placement.gpu_layers < placement.layers
    )
    log(
        "warning" if is_short else "info",
        "fewer_layers_on_gpu" if is_short else "model_placed",
        {"file": path.name, **placement.as_dict()},
    )


def _demand(
    path: Path, tensors: Sequence[Tensor], settings: Settings, *, keep_going: Callable[[], bool]
) -> Demand:
    """Estimate what the model takes."""
    with blueprint(path, keep_going=keep_going) as model:
        each, whole = settings.attention.size(heads(model)), copies_whole(model)
        room = size(
            settings, trained=trained_context(model), bytes_per_cell=layers(model) * each, whole=whole
        )
        computed = Step(
            **shape(model),
            tokens=min(room.batch, MICROBATCH),
            cells=room.cells,
            is_flash=settings.attention.flash != "off",
        )
    return demand(weights_of_layers(tensors), context=each * room.cells, step=computed)
