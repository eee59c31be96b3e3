"""What the model has read of a conversation, as bytes: to be put by, and to be given back later."""

from __future__ import annotations

import ctypes
import json
import struct
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncllm.errors import CheckpointError, ContextLengthExceeded, RequestRejected, Unavailable
from asyncllm.provider import Request

from ._call import tokens
from ._context import Context
from ._job import Job
from ._model import Model
from ._native import complaints, llama, version
from ._scores import Scores
from ._strand import Strand, Tokens

_MAGIC = b"asyncllm-kv-state-1\n"
_LENGTH = struct.Struct("<I")
_LONGEST_HEAD = 2**16
_TOKEN = np.dtype("<i4")
_BYTE_POINTER = ctypes.POINTER(ctypes.c_uint8)


class Saving(Job):
    """Asks for what the model has read of the request's messages; what is not kept is read first."""

    may_be_refused = False
    state: bytes | None = None
    """The answer."""


class TakingUp(Job):
    """
    Gives back what a :class:`Saving` brought.

    Args:
        request: Whose model it is for.

        state: What was brought.
    """

    may_be_refused = False
    refusal: str | None = None
    """The answer: why it was not taken up; None where it was."""

    def __init__(self, request: Request, state: bytes) -> None:
        super().__init__(request)
        self.state = state


class Save:
    """
    A call that reads a conversation, and ends with what the model has read of it in place of an answer.

    Raises:
        ContextLengthExceeded: The conversation can never fit.
    """

    def __init__(self, model: Model, job: Saving) -> None:
        self.job: Job = job
        self._saving = job
        self._model = model
        read, room = tokens(model, job.request), model.context.size.longest
        if not read:
            raise RequestRejected("the model's chat template makes nothing of the messages")
        if len(read) > room:
            raise ContextLengthExceeded(
                f"the conversation takes {len(read)} tokens, and the context has {room}; "
                f"open the model with a larger context_size=…"
            )
        self.strands = [Strand(read)]
        self.width = 1
        self.is_seeded = False

    def begin(self, strand: Strand) -> None:
        pass

    def hear(self, strand: Strand, scores: Scores, context: Context) -> bool:
        assert strand.sequence is not None
        data = _taken(context.handle, strand.sequence)
        head = {**_kind(self._model), "tokens": strand.count}
        told = json.dumps(head).encode()
        read = strand.tokens.astype(_TOKEN).tobytes()
        self._saving.state = b"".join((_MAGIC, _LENGTH.pack(len(told)), told, read, data))
        return True

    def close(self) -> None:
        pass


def take_up(model: Model, job: TakingUp) -> None:
    """
    Put the state that *job* brings among what is kept, between two steps.

    What cannot be a state fails the job; one of another model, or that there is no
    room for, is refused.
    """
    if not job.begin():
        return

    try:
        job.refusal = _refusal(model, _opened(job.state))
    except Exception as exc:  # noqa: BLE001  the caller's to see
        job.fail(exc)
    finally:
        job.end()


@dataclass(frozen=True, slots=True)
class _State:
    kind: dict[str, Any]
    tokens: Tokens
    data: NDArray[np.uint8]
    """llama.cpp's own form."""


def _refusal(model: Model, state: _State) -> str | None:
    context = model.context
    if other := [name for name, value in _kind(model).items() if state.kind.get(name) != value]:
        return f"it is not of this {' and '.join(other)}"
    if not ((state.tokens >= 0) & (state.tokens < model.vocabulary.size)).all():
        raise CheckpointError("the model's state is damaged: it has tokens that the model does not have")
    if len(state.tokens) > context.size.longest:
        return f"it takes {len(state.tokens)} tokens, and the context has {context.size.longest}"

    def put(sequence: int) -> bool:
        return _put(context.handle, sequence, state)

    complaints()
    if context.memory.fill(Strand(state.tokens), put):
        return None
    return f"there was no room for it, or llama.cpp did not take it ({complaints()})"


def _kind(model: Model) -> dict[str, Any]:
    """Return what must be the same where a state is taken up; the types of numbers llama.cpp compares."""
    return {
        "model": model.fingerprint,
        "version of llama.cpp": version,
        "kind of machine": f"{sys.byteorder}-endian",
    }


def _opened(state: bytes) -> _State:
    try:
        if not state.startswith(_MAGIC):
            raise ValueError("it begins otherwise")  # noqa: TRY301  one error for all that can be wrong
        (length,) = _LENGTH.unpack_from(state, len(_MAGIC))
        start = len(_MAGIC) + _LENGTH.size
        head: Any = json.loads(state[start : start + min(length, _LONGEST_HEAD)])
        kind: dict[str, Any] = {**head}
        count = int(kind.pop("tokens"))
        if count < 1:
            raise ValueError("it holds no token")  # noqa: TRY301
        read = np.frombuffer(state, _TOKEN, count=count, offset=start + length)
        data = np.frombuffer(state, np.uint8, offset=start + length + read.nbytes)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, struct.error) as exc:
        raise CheckpointError(f"the model's state is damaged, or of another format: {exc}") from exc
    return _State(kind, read.astype(np.int32), data)


def _taken(context: int, sequence: int) -> memoryview:
    complaints()
    size: int = llama.llama_state_seq_get_size(context, sequence)
    data = np.empty(size, np.uint8)
    # The length is llama.cpp's own, and zero where something went wrong.
    if not size or llama.llama_state_seq_get_data(context, _address(data), size, sequence) != size:
        raise Unavailable(f"llama.cpp does not give its state: {complaints()}")
    return data.data


def _put(context: int, sequence: int, state: _State) -> bool:
    size = len(state.data)
    if llama.llama_state_seq_set_data(context, _address(state.data), size, sequence) != size:
        return False

    memory = llama.llama_get_memory(context)
    last: int = llama.llama_memory_seq_pos_max(memory, sequence)
    return last == len(state.tokens) - 1


def _address(data: NDArray[np.uint8]) -> Any:
    return ctypes.cast(data.ctypes.data, _BYTE_POINTER)
