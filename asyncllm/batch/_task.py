"""One of the tasks of a batch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Unpack, cast

from asyncllm._tasks import messages_of
from asyncllm._types import Prompt
from asyncllm._vocabulary import Params, checked
from asyncllm.errors import InvalidTask

MOST_SEEDS = 2**31
"""Seeds are below this: every provider that takes one takes these."""


@dataclass(frozen=True, slots=True, init=False)
class Task:
    """
    A prompt with a name and parameters of its own::

        Task("Translate: cheese", key="row-17", temperature=0.2)

    Args:
        prompt: A text, or a conversation as a sequence of messages.

        key:
            What tells this task from the others of its batch, by which a journal
            knows it again. Default: its place among them, from 0 on.

        params: Parameters for this task; they win over the batch's.

    Raises:
        InvalidTask: The key is no text, or an empty one.
        InvalidParameter: A parameter is of the wrong type or out of range.
    """

    prompt: Prompt
    key: str | None
    params: Mapping[str, Any]

    def __init__(self, prompt: Prompt, *, key: str | None = None, **params: Unpack[Params]) -> None:
        if key is not None and (not isinstance(cast("Any", key), str) or not key):
            raise InvalidTask(f"a task's key is a text; got {key!r}")
        object.__setattr__(self, "prompt", prompt)
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "params", checked(params))


def seed_of(base: int, key: str) -> int:
    """
    Return the seed of the task called *key*.

    It depends on nothing else: not on the order, on what runs at the same time, or
    on how often the task was tried.
    """
    digest = hashlib.blake2b(f"{base}:{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % MOST_SEEDS


def fingerprint(task: Task) -> str:
    """
    Return what tells a changed task from the same one: a hash, from which nothing of it can be read.

    Raises:
        InvalidTask: The prompt is not one.
    """
    messages = [(message.role, message.text) for message in messages_of(task.prompt)]
    told = json.dumps([messages, dict(task.params)], sort_keys=True, default=str)
    return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()
