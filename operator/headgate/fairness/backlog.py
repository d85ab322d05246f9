"""Queues of unsent items, shared fairly: no namespace displaces the items of another. Pure except for the waiting.

Namespaces take turns; within one, items keep their order. A namespace that exceeds its quota loses its oldest items,
which say least about the current state; when all together exceed the limit, the namespace with the most does.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable
from itertools import count
from typing import Generic, NamedTuple, TypeVar

from headgate.fairness.turns import Turns

__all__ = ["Backlog", "Bounds", "NamespaceCache"]

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Bounds(NamedTuple):
    """Limits of a backlog: how many items of one namespace and of all may wait, and their total sizes."""

    of_one: int = 4_000
    of_all: int = 20_000
    bytes_of_one: int = 4 * 1024 * 1024
    bytes_of_all: int = 32 * 1024 * 1024


class Backlog(Generic[T]):
    """Items with a namespace and a size, for one consumer. For use on the event loop only."""

    def __init__(self, bounds: Bounds = Bounds(), on_dropped: Callable[[], None] = lambda: None) -> None:  # noqa: B008
        """``on_dropped`` is called for each dropped item."""
        self._bounds, self._on_dropped = bounds, on_dropped
        self._waiting: Turns[int, tuple[T, int]] = Turns()
        """Items with their sizes, by sequence number."""
        self._numbers = count()
        self._sizes: Counter[str] = Counter()
        self._size = 0
        self._arrival = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, namespace: str, thing: T, size: int) -> None:
        """Add an item, if necessary by dropping older ones of the namespace; never blocks."""
        self._waiting.put(namespace, next(self._numbers), (thing, size))
        self._sizes[namespace] += size
        self._size += size
        one, every, bytes_of_one, bytes_of_all = self._bounds
        while self._waiting.count(namespace) > one or self._sizes[namespace] > bytes_of_one:
            self._drop(namespace)
        while len(self._waiting) > every:
            self._drop(self._waiting.largest())
        while self._size > bytes_of_all:
            self._drop(max(self._sizes, key=self._sizes.__getitem__))
        if self._waiting:
            self._arrival.set()
            self._idle.clear()

    async def take(self) -> T:
        """Wait for the next item; this completes the previous one, as :meth:`done` does."""
        self.done()
        while not self._waiting:
            self._arrival.clear()
            await self._arrival.wait()
        namespace = next(iter(self._waiting))
        _, (thing, size) = self._waiting.take(namespace)
        self._removed(namespace, size)
        return thing

    def done(self) -> None:
        """Complete the item that was taken."""
        if not self._waiting:
            self._idle.set()

    async def join(self) -> None:
        """Wait until no item waits and the last one is complete."""
        await self._idle.wait()

    def _drop(self, namespace: str) -> None:
        _, (_, size) = self._waiting.pop_oldest(namespace)
        self._removed(namespace, size)
        self._on_dropped()

    def _removed(self, namespace: str, size: int) -> None:
        self._sizes[namespace] -= size
        self._size -= size
        if not self._waiting.count(namespace):
            del self._sizes[namespace]


class NamespaceCache(Generic[K, V]):
    """A cache by namespace and key, with limits for each namespace and for all; drops the oldest entries."""

    def __init__(self, of_one: int, of_all: int) -> None:
        self._of_one, self._of_all = of_one, of_all
        self._notes: Turns[K, V] = Turns()

    def __len__(self) -> int:
        return len(self._notes)

    def pop(self, namespace: str, key: K) -> V | None:
        """Return and remove an entry."""
        return self._notes.pop(namespace, key)

    def put(self, namespace: str, key: K, note: V) -> None:
        """Add an entry as the newest of its namespace."""
        self._notes.put(namespace, key, note)
        if self._notes.count(namespace) > self._of_one:
            self._notes.pop_oldest(namespace)
        elif len(self._notes) > self._of_all:
            self._notes.pop_oldest(self._notes.largest())
