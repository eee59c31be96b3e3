"""Which way a batch goes: request by request, or through the provider's own batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from asyncllm._prepare import Prepared
from asyncllm.errors import ConfigurationError, InvalidParameter, UnsupportedParameter
from asyncllm.provider import BatchAPI, Request

Way: TypeAlias = Literal["direct", "provider"]
Via: TypeAlias = Literal["direct", "provider", "auto"]

WAYS = ("direct", "provider", "auto")

UNFIT: Mapping[str, tuple[Callable[[Prepared], bool], str]] = {
    "stop_token": (
        lambda call: bool(call.stops),
        "this model takes none, and in a batch nobody reads along to find them",
    ),
    "num_return_sequences": (
        lambda call: len(call.requests) > 1,
        "it takes several requests, and a task of a batch has one",
    ),
    "max_length": (
        lambda call: call.length is not None,
        "the prompt would have to be counted first; say max_tokens",
    ),
    "timeout": (
        lambda call: call.timeout is not None,
        "a batch takes as long as it takes; give the whole batch a deadline",
    ),
}
"""Parameters that a provider's batch cannot do, when that is so, and why."""


def chosen(via: Via, api: BatchAPI | None, *, deadline: float | None = None) -> Way:
    """
    Return which way a batch goes.

    ``"auto"`` is the provider's batches, which cost less, where there are some and
    the vendor's window ends before the deadline does; without a deadline there is no hurry.

    Args:
        via: What the caller said.

        api: The provider's batch API, if it has one.

        deadline: Seconds within which all has to be answered.

    Raises:
        ConfigurationError: There is no batch API, and the caller wants it.
    """
    if via not in WAYS:
        raise InvalidParameter(f"via takes one of {', '.join(map(repr, WAYS))}; got {via!r}")
    if via == "provider" and api is None:
        raise ConfigurationError("via='provider': this provider has no batch API of its own")
    if via == "auto":
        return "provider" if api is not None and (deadline is None or api.window <= deadline) else "direct"
    return via


def batchable(call: Prepared) -> Request:
    """
    Return the one request of *call*, if a provider's batch can do all that was asked.

    Raises:
        UnsupportedParameter: It cannot; nothing was sent.
    """
    for name, (holds, reason) in UNFIT.items():
        if holds(call):
            raise UnsupportedParameter(f"the provider's batches cannot do {name}: {reason}")
    return call.request
