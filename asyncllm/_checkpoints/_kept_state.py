"""What a model in this process has read of a conversation: asked of its provider, and given back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync

from asyncllm._model import Model
from asyncllm._types import Message
from asyncllm._vocabulary import checked
from asyncllm.errors import CheckpointError, LLMError, translated
from asyncllm.provider import Provider, Request

from ._state_file import STATE, read_state

TAKEN_UP = "taken up"


async def state_of(model: Model, content: Mapping[str, Any]) -> tuple[bytes | None, list[str]]:
    """
    Return what *model* has read of the history in *content*, and what there is to say where it is nothing.

    It is the history as the checkpoint has it: a key that is starred there is not in the state either.

    Raises:
        CheckpointError: It has a state, but could not give it.
    """
    said = tuple(Message(turn["role"], turn["content"]) for turn in content["history"])
    # Nothing is opened just to hear that there is nothing.
    if type(model.rulebook).save_state is Provider.save_state:
        return None, ["the KV state: the model keeps none in this process"]
    if not any(message.text.strip() for message in said):
        return None, ["the KV state: nothing was said"]

    try:
        request = model.applied(said, checked(content["parameters"])).request
        async with model.use() as provider:
            with _guard(provider):
                state = await provider.save_state(request)
    except LLMError as exc:
        raise CheckpointError(
            f"no checkpoint was saved: the model does not give its KV state ({exc}); save it without"
        ) from exc
    return state, [] if state is not None else ["the KV state: the model keeps none"]


async def taken_up(
    model: Model,
    path: Path,
    content: Mapping[str, Any],
    history: Iterable[Message],
    asked: Mapping[str, Any],
) -> str | None:
    """
    Give *model* the state that was saved with the checkpoint at *path*; return what came of it.

    Args:
        model: Who is to have it.

        path: The checkpoint.

        content: What is in it.

        history: What was said.

        asked: The parameters that hold from now on.

    Raises:
        CheckpointError: The state is damaged, or is not the one that was saved.
    """
    if (told := content.get(STATE)) is None:
        return None
    if (state := await run_sync(read_state, path, told)) is None:
        return "not taken up: its file is not there"

    try:
        refusal = await _given(model, model.applied(tuple(history), asked).request, state)
    except CheckpointError as exc:
        raise CheckpointError(f"{str(path)!r} was not loaded: {exc}") from exc
    except LLMError as exc:
        # The conversation can go on all the same: what the model has not, it reads.
        refusal = str(exc)
    return TAKEN_UP if refusal is None else f"not taken up: {refusal}"


async def _given(model: Model, request: Request, state: bytes) -> str | None:
    if type(model.rulebook).load_state is Provider.load_state:
        return await Provider.load_state(model.rulebook, request, state)

    async with model.use() as provider:
        with _guard(provider):
            return await provider.load_state(request, state)


def _guard(provider: Provider) -> AbstractContextManager[None]:
    return translated(provider.errors, tuple(provider.secrets()))
