"""A loaded model's way to think before it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from . import _thinking
from ._splitter import Splitter
from ._thinking import Tags
from ._vocabulary import Vocabulary

_TAIL = 32
"""So many tokens hold the tag with which a prompt may end."""


@dataclass(frozen=True, slots=True)
class Reasoning:
    """How a model thinks, if it does."""

    vocabulary: Vocabulary
    tags: Tags | None = None
    marks: Mapping[int, bytes] = field(default_factory=dict[int, bytes])
    """Tokens of the tags that would add nothing to a text, and what stands for them."""
    ending: Sequence[int] = ()
    """The tokens that end what is thought."""

    def splitter(self, prompt: Sequence[int], *, splits: bool = True) -> Splitter:
        """
        Return what tells the thoughts from the answer to *prompt*.

        Args:
            prompt: The tokens.

            splits: Whether it is to; otherwise thoughts are part of the answer.
        """
        tags = self.tags if splits else None
        return Splitter(
            tags, is_open=tags is not None and tags.is_open(self.vocabulary.text(prompt[-_TAIL:]))
        )


def reasoning(vocabulary: Vocabulary, source: str | None) -> Reasoning:
    """Return how a model thinks, by the *source* of its chat template, or else by its tokens."""
    tags = _thinking.shown(source or "") or _thinking.known(
        lambda tag: len(vocabulary.parts(tag)) == 1 and vocabulary.text(vocabulary.parts(tag)) == tag
    )
    if tags is None:
        return Reasoning(vocabulary)

    written = {token for text in (*tags.texts, tags.heading) for token in vocabulary.parts(text)}
    marks = {token: vocabulary.text([token]).encode() for token in written if not vocabulary.piece(token)}
    return Reasoning(vocabulary, tags, marks, tuple(vocabulary.parts(tags.end)))
