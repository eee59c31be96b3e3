"""A model, loaded: what the engine's thread owns."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from asyncllm.provider import log

from . import _gguf
from ._capacity import expect_room, size
from ._context import Context, context
from ._fingerprint import fingerprint
from ._fit import weights_of_layers
from ._gguf import Tensor
from ._native import overheard
from ._offload import Offload, first, offloads, tell
from ._placement import Placement, placement
from ._pool import pool
from ._prompt import Template
from ._reasoning import Reasoning, reasoning
from ._settings import Settings
from ._templates import templates
from ._vocabulary import Vocabulary
from ._weights import copies_whole, heads, keeps_all, layers, trained_context


@dataclass(frozen=True, slots=True)
class Model:
    """A model, loaded."""

    vocabulary: Vocabulary
    template: Template
    reasoning: Reasoning
    context: Context
    fingerprint: str
    """What tells it from any other model."""
    placement: Placement
    """Where it came to be."""


@contextmanager
def loaded(path: Path, settings: Settings, *, keep_going: Callable[[], bool]) -> Generator[Model]:
    """
    Open the model in *path*, and close it in the end; its weights are loaded unless another one has them.

    Raises:
        InvalidModelFile: The file is missing, damaged, or not a language model.
        ConfigurationError: There is no memory for so large a context.
    """
    tensors = _gguf.check(path)

    def open_as(offload: Offload) -> AbstractContextManager[Model]:
        return _opened(path, tensors, settings, offload, keep_going=keep_going)

    tried = offloads(path, tensors, settings, keep_going=keep_going)
    with first(tried, open_as, keep_going=keep_going) as model:
        tell(path, settings, model.placement)
        yield model


@contextmanager
def _opened(
    path: Path,
    tensors: Sequence[Tensor],
    settings: Settings,
    offload: Offload,
    *,
    keep_going: Callable[[], bool],
) -> Generator[Model]:
    with ExitStack() as stack:
        found = stack.enter_context(
            pool.weights(
                path,
                offload.where(settings),
                fill=lambda params: offload.fill(params, settings),
                keep_going=keep_going,
            )
        )
        handle, trained = found.handle, trained_context(found.handle)
        whole, vocabulary = copies_whole(handle), Vocabulary(handle)
        settings.attention.expect(heads(handle))
        cell = layers(handle) * settings.attention.size(heads(handle))
        wanted = size(settings, trained=trained, bytes_per_cell=cell, whole=whole)
        if not offload.layers:  # What GPUs hold of the context is not taken of this memory.
            expect_room(wanted, bytes_per_cell=cell if keeps_all(handle) else 0)
        with overheard() as lines:
            opened = stack.enter_context(
                context(
                    handle,
                    size=wanted,
                    threads=settings.threads,
                    attention=settings.attention,
                    whole=whole,
                    vocabulary_size=vocabulary.size,
                )
            )
        source, with_tools = templates(handle)
        thinks = reasoning(vocabulary, source)
        template = Template(
            source,
            with_tools=with_tools,
            bos=vocabulary.bos,
            eos=vocabulary.eos,
            specials=vocabulary.specials,
            tags=thinks.tags,
        )
        placed = placement(
            [*found.told, *lines], layers=len(weights_of_layers(tensors)), attention=settings.attention
        )
        if 0 < trained < wanted.longest:
            log(
                "warning",
                "context_beyond_training",
                {"file": path.name, "context_size": wanted.longest, "trained": trained},
            )
        yield Model(vocabulary, template, thinks, opened, fingerprint(path), placed)
