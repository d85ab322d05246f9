"""What waits to be told, shared fairly: no namespace's news takes the place of another's. Pure but for the waiting.

Namespaces take turns, each in its own order. One that has more waiting than it may loses its oldest, which say least
about how things are now; when all together are too many, the one that has most does.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable
from itertools import count
from typing import Generic, NamedTuple, TypeVar

from headgate.fairness.turns import Turns

__all__ = ["Backlog", "Bounds", "Memory"]

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Bounds(NamedTuple):
    """Of a backlog: how many things of one namespace and of all may wait, and how large they may be together."""

    of_one: int = 4_000
    of_all: int = 20_000
    bytes_of_one: int = 4 * 1024 * 1024
    bytes_of_all: int = 32 * 1024 * 1024


class Backlog(Generic[T]):
    """Things with a namespace and a size, for one that takes them. Used from the event loop only."""

    def __init__(self, bounds: Bounds = Bounds(), on_dropped: Callable[[], None] = lambda: None) -> None:  # noqa: B008
        """``on_dropped`` is called for each that is lost."""
        self._bounds, self._on_dropped = bounds, on_dropped
        self._waiting: Turns[int, tuple[T, int]] = Turns()
        """By the numbers in which they came: things, with their sizes."""
        self._numbers = count()
        self._sizes: Counter[str] = Counter()
        self._size = 0
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_taken = False

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, namespace: str, thing: T, size: int) -> None:
        """Let it wait, at the cost of older ones of the namespace if need be; never blocks."""
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
            self._news.set()
            self._idle.clear()

    async def take(self) -> T:
        """Wait for the next one; the one before counts as dealt with then, or after :meth:`done`."""
        self.done()
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        namespace = next(iter(self._waiting))
        _, (thing, size) = self._waiting.take(namespace)
        self._removed(namespace, size)
        self._is_taken = True
        return thing

    def done(self) -> None:
        """The one that was taken is dealt with."""
        self._is_taken = False
        if not self._waiting:
            self._idle.set()

    async def join(self) -> None:
        """Wait until nothing waits and nothing is being dealt with."""
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


class Memory(Generic[K, V]):
    """What was noted last, by namespace and key: so many of each namespace, and of all; the oldest are forgotten."""

    def __init__(self, of_one: int, of_all: int) -> None:
        self._of_one, self._of_all = of_one, of_all
        self._notes: Turns[K, V] = Turns()

    def __len__(self) -> int:
        return len(self._notes)

    def pop(self, namespace: str, key: K) -> V | None:
        """Return what was noted, and forget it."""
        return self._notes.pop(namespace, key)

    def put(self, namespace: str, key: K, note: V) -> None:
        """Note it as the newest of its namespace."""
        self._notes.put(namespace, key, note)
        if self._notes.count(namespace) > self._of_one:
            self._notes.pop_oldest(namespace)
        elif len(self._notes) > self._of_all:
            self._notes.pop_oldest(self._notes.largest())
