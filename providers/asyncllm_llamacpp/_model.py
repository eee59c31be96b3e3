"""A model, loaded: what the engine's thread owns."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import _gguf
from ._capacity import size
from ._context import Context, context
from ._fingerprint import fingerprint
from ._prompt import Template
from ._reasoning import Reasoning, reasoning
from ._settings import Settings
from ._templates import templates
from ._vocabulary import Vocabulary
from ._weights import bytes_per_cell, copies_whole, trained_context, weights


@dataclass(frozen=True, slots=True)
class Model:
    """A model, loaded."""

    vocabulary: Vocabulary
    template: Template
    reasoning: Reasoning
    context: Context
    fingerprint: str
    """What tells it from any other model."""


@contextmanager
def loaded(path: Path, settings: Settings, *, keep_going: Callable[[], bool]) -> Generator[Model]:
    """
    Load the model in *path*, and free it in the end, in one and the same thread.

    Raises:
        InvalidModelFile: The file is missing, damaged, or not a language model.
        ConfigurationError: There is no memory for so large a context.
    """
    _gguf.check(path)
    with weights(
        path, gpu_layers=settings.gpu_layers, devices=settings.devices, keep_going=keep_going
    ) as handle:
        vocabulary = Vocabulary(handle)
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
        whole = copies_whole(handle)
        with context(
            handle,
            size=size(
                settings,
                trained=trained_context(handle),
                bytes_per_cell=bytes_per_cell(handle),
                whole=whole,
            ),
            threads=settings.threads,
            whole=whole,
            vocabulary_size=vocabulary.size,
        ) as opened:
            yield Model(vocabulary, template, thinks, opened, fingerprint(path))
