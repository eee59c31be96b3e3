"""The weights in this process's memory: once for all engines that want the same in the same place."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Hashable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from asyncllm.errors import Unavailable

from ._native import overheard
from ._weights import weights

_LOOK = 0.05
"""Seconds after which who waits for another's loading looks whether it is still to go on."""

_Key: TypeAlias = tuple[Path, tuple[int, ...], Hashable]


@dataclass(frozen=True, slots=True)
class Weights:
    """Some weights in memory, which nobody changes: any number of contexts and threads may use them."""

    handle: int
    """llama.cpp's."""
    told: tuple[str, ...]
    """What llama.cpp logged while it loaded them."""


@dataclass(slots=True, eq=False)
class _Shared:
    turn: threading.Lock = field(default_factory=threading.Lock)
    """Held by who loads or frees."""
    loaded: Weights | None = None
    stack: ExitStack = field(default_factory=ExitStack)
    """Frees them."""
    users: int = 0
    """How many have them, or wait for them."""


class Pool:
    """The weights that are in memory. Every engine's thread comes here; the last user frees them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shared: dict[_Key, _Shared] = {}

    @contextmanager
    def weights(
        self, path: Path, where: Hashable, *, fill: Callable[[Any], object], keep_going: Callable[[], bool]
    ) -> Generator[Weights]:
        """
        Give the weights in *path*, loaded unless they are there.

        Args:
            path: A file that is known to be sound. One that was written anew is another.

            where: Which part of them is to go where: weights that lie elsewhere are others.

            fill: Says so in llama.cpp's parameters; see :func:`~._weights.weights`.

            keep_going: Asked while they are loaded, by whomever; where it says no, this one gives up.
        """
        key = path, _identity(path), where
        with self._lock:
            shared = self._shared.setdefault(key, _Shared())
            shared.users += 1
        try:
            yield _loaded(shared, path, fill=fill, keep_going=keep_going)
        finally:
            with self._lock:
                shared.users -= 1
                is_last = not shared.users
                if is_last:
                    del self._shared[key]
            if is_last:  # Nobody finds it any more, so nobody else is at it.
                shared.stack.close()


def _loaded(
    shared: _Shared, path: Path, *, fill: Callable[[Any], object], keep_going: Callable[[], bool]
) -> Weights:
    # Whoever loads may give up, and then the next one loads.
    while not shared.turn.acquire(timeout=_LOOK):
        if not keep_going():
            raise Unavailable(f"{path} was closed while it was loaded")
    try:
        if shared.loaded is None:
            with overheard() as lines:
                handle = shared.stack.enter_context(weights(path, fill=fill, keep_going=keep_going))
            shared.loaded = Weights(handle, tuple(lines))
        return shared.loaded
    finally:
        shared.turn.release()


def _identity(path: Path) -> tuple[int, ...]:
    """Return what tells the file in *path* from one that is put in its place."""
    told = path.stat()
    return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns


pool = Pool()

if hasattr(os, "register_at_fork"):  # A forked child has the parent's locks, but none of those who hold them.
    os.register_at_fork(after_in_child=pool.__init__)  # type: ignore[misc]
