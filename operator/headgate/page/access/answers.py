"""Answers that count for a while: bounded, and requested once for all who wait for the same.

A failure is not kept, and an answer counts from when it was requested, not from when it arrived.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cachetools import LRUCache

__all__ = ["Answers", "Dated"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Dated(Generic[V]):
    """An answer, and the time of the clock until which it counts."""

    value: V
    until: float


class Answers(Generic[K, V]):
    """Answers by key, of one event loop."""

    def __init__(
        self,
        ask: Callable[[K], Awaitable[V]],
        seconds: float,
        most: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``ask`` may raise anything; all who wait get the exception. ``most`` limits how many answers are kept."""
        self._ask, self._seconds, self._clock = ask, seconds, clock
        self._known: LRUCache[K, Dated[V]] = LRUCache(most)
        self._asked: dict[K, asyncio.Task[Dated[V]]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def known(self, key: K) -> Dated[V] | None:
        """The answer, if there is one that counts now."""
        found = self._known.get(key)
        return found if found is not None and self._clock() < found.until else None

    async def get(self, key: K) -> Dated[V]:
        """The answer that counts now, from the cache or as ``ask`` gives it."""
        found = self.known(key)
        if found is not None:
            return found
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.get_running_loop().create_task(self._request(key))
            task.add_done_callback(lambda done: self._end(key, done))
        # One who stops waiting must not take the answer from the others.
        return await asyncio.shield(task)

    def forget(self, key: K) -> None:
        """Let the next one who needs an answer ask again."""
        self._known.pop(key, None)

    async def _request(self, key: K) -> Dated[V]:
        until = self._clock() + self._seconds
        found = Dated(await self._ask(key), until)
        self._known[key] = found
        return found

    def _end(self, key: K, done: asyncio.Task[Dated[V]]) -> None:
        self._asked.pop(key, None)
        if not done.cancelled():
            done.exception()
