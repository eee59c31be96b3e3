"""Do many things at once, but not too many."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from ._kinds import Whole
from ._vocabulary import Parameter

T = TypeVar("T")
R = TypeVar("R")

CONCURRENCY = Parameter(Whole(low=1), "Ask at most this many tasks at a time.", "calls")


async def map_bounded(func: Callable[[T], Awaitable[R]], items: Iterable[T], *, limit: int) -> list[R]:
    """
    Await *func* for every item, at most *limit* at a time; results keep the items' order.

    The first error cancels the rest and is raised by itself, not in a group.
    Workers pull from *items* only as fast as they finish, and no more are started
    than there are items; so of either, however many there are, few tasks do.
    """
    results: dict[int, R] = {}
    errors: list[Exception] = []
    source = iter(enumerate(items))
    workers = 1

    async def worker() -> None:
        nonlocal workers
        try:
            for index, item in source:
                if workers < limit:
                    workers += 1
                    group.start_soon(worker)
                # Where a sibling has just failed, nothing more is asked.
                await checkpoint_if_cancelled()
                results[index] = await func(item)
        except Exception as exc:  # noqa: BLE001  # raised below, out of the group
            errors.append(exc)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(worker)
    if errors:
        raise errors[0]

    return [results[index] for index in sorted(results)]
