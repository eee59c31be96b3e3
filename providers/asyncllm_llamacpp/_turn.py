"""What one step computes: a token of each answer, and parts of the prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ._batch import Batch
from ._call import Call
from ._memory import Memory
from ._strand import Strand

WORTH_WAITING = 8
"""From so many tokens on a prompt waits for another, in order not to read them twice."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a step reads of a strand."""

    call: Call
    strand: Strand
    count: int
    """How many tokens."""
    row: int
    """The last one's row in the batch."""

    @property
    def is_last(self) -> bool:
        """Whether nothing is left to read after it, so that what follows is known."""
        return self.count == self.strand.unread


class Turn:
    """
    Fills the batch for one step.

    Args:
        running: The calls that are being answered, in the order in which they came.

        memory: What the model remembers.

        batch: What is to be filled.
    """

    def __init__(self, running: Sequence[Call], memory: Memory, batch: Batch) -> None:
        self._memory = memory
        self._batch = batch
        batch.clear()
        self._calls = {strand: call for call in running for strand in call.strands}
        self.parts: list[Part] = []
        """What the batch holds."""

    @property
    def placed(self) -> list[Strand]:
        """The strands that have a place in the memory."""
        return [strand for strand in self._calls if strand.sequence is not None]

    @property
    def answering(self) -> list[Strand]:
        """Those that go on by a token."""
        return [strand for strand in self.placed if strand.unread == 1]

    def place(self) -> None:
        """
        Give each strand a place.

        One that waits for what another is about to read, in order to share it, gets it later.
        """
        for strand in self._calls:
            placed = self.placed
            if strand.sequence is None and not self._waits(strand, placed):
                self._memory.place(strand, placed)

    def answer(self) -> bool:
        """Let each answer go on by a token; return whether there is room for that."""
        answering = self.answering
        if not self._memory.room(len(answering)):
            return False

        for strand in answering:
            self._read(strand, 1)
        return True

    def read(self, most: int) -> None:
        """Read up to *most* tokens of the prompts, as far as there is room."""
        reading = [strand for strand in self.placed if strand.unread > 1]
        for strand, share in zip(reading, shares([each.unread for each in reading], most), strict=True):
            count = min(share, self._memory.left(self._batch.count + share) - self._batch.count)
            if count > 0:
                self._read(strand, count)

    def _waits(self, strand: Strand, placed: Sequence[Strand]) -> bool:
        if not self._memory.can_cut:
            return False

        ahead = max((self._memory.shared(strand, each, ahead=True) for each in placed), default=0)
        return ahead >= self._memory.best(strand, placed)[1] + WORTH_WAITING

    def _read(self, strand: Strand, count: int) -> None:
        assert strand.sequence is not None
        call, at = self._calls[strand], strand.read
        call.begin(strand)
        row = self._batch.add(
            strand.tokens[at : at + count],
            at=at,
            sequence=strand.sequence,
            is_heard=count == strand.unread,
        )
        self.parts.append(Part(call, strand, count, row))


def shares(unread: Sequence[int], most: int) -> list[int]:
    """
    Share *most* tokens among prompts that have so many *unread*, in the order in which they came.

    One half is for who came first, the other for who has least to read: nobody
    waits forever, and a short prompt not until a long one is through.
    """
    given = [0] * len(unread)
    left = most
    if len(unread) > 1:
        given[0] = min(unread[0], most - most // 2)
        left -= given[0]
    for at in sorted(range(1, len(unread)), key=unread.__getitem__):
        given[at] = min(unread[at], left)
        left -= given[at]
    if unread:
        given[0] += min(unread[0] - given[0], left)
    return given
