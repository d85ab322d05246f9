"""Works on many objects at once, up to a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def concurrently(items: Sequence[T], work: Callable[[T], Awaitable[R]], limit: int) -> list[R]:
    """What ``work`` returns for each item, in the order of the items; at most ``limit`` calls run at a time.

    The first exception cancels the rest.
    """
    results: dict[int, R] = {}
    queue = iter(enumerate(items))

    async def worker() -> None:
        for i, item in queue:
            results[i] = await work(item)

    workers = min(limit, len(items))
    if workers == 1:
        await worker()
    elif workers:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(worker())
    return [results[i] for i in range(len(items))]
