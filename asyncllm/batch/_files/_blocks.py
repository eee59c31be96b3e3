"""A file's bytes, block by block, without blocking the event loop."""

from __future__ import annotations

import os
import stat
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from io import BufferedReader
from typing import Any, cast

import anyio
from anyio.to_thread import run_sync

from asyncllm.errors import InvalidTask

from ._formats import STANDARD

SIZE = 2**16


class Blocks:
    """
    The bytes of the file at *path*, or of standard input; they are read once.

    A pipe is waited for on the event loop, so that cancelling need not wait for it too.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._read: Callable[[int], bytes] | None = None
        self._wait_for: Any = None
        """A pipe; None is a file, which never keeps anybody waiting."""
        self._close: Callable[[], object] = lambda: None

    async def next(self) -> bytes:
        """
        Return the next block; an empty one is the end.

        Raises:
            InvalidTask: The file cannot be read.
        """
        try:
            if self._read is None:
                self._read = await run_sync(self._open)
            if self._wait_for is not None:
                with suppress(OSError):  # It was a file all the same.
                    await anyio.wait_readable(self._wait_for)
            block = await run_sync(self._read, SIZE)
        except OSError as exc:
            raise InvalidTask(f"the tasks in {self._path!r} cannot be read: {exc.strerror}") from exc
        if not block:
            self._close()
        return block

    def _open(self) -> Callable[[int], bytes]:
        if self._path == STANDARD:
            self._wait_for, pipe = sys.stdin, cast("BufferedReader", sys.stdin.buffer)
            return pipe.read1

        file = os.open(self._path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        # Who leaves a batch in the middle closes nothing: then it is closed with this object.
        self._close = weakref.finalize(self, os.close, file)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            self._wait_for = file
        return partial(os.read, file)
