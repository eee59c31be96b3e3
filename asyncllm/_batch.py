"""Do many things at once, but not too many."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import anyio

T = TypeVar("T")
R = TypeVar("R")


async def map_bounded(func: Callable[[T], Awaitable[R]], items: Iterable[T], *, limit: int) -> list[R]:
    """
    Await *func* for every item, at most *limit* at a time; results keep the items' order.

    The first error cancels the rest and is raised by itself, not in a group.
    Workers pull from *items* only as fast as they finish, so however many there
    are, *limit* tasks do.
    """
    results: dict[int, R] = {}
    errors: list[Exception] = []
    source = iter(enumerate(items))

    async def worker() -> None:
        try:
            for index, item in source:
                results[index] = await func(item)
        except Exception as exc:  # noqa: BLE001  # raised below, out of the group
            errors.append(exc)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for _ in range(limit):
            group.start_soon(worker)
    if errors:
        raise errors[0]

    return [results[index] for index in sorted(results)]
