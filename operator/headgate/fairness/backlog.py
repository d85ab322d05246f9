"""What waits to be told, shared fairly: no namespace's news takes the place of another's. Pure but for the waiting.

Namespaces take turns, each in its own order. One that has more waiting than it may loses its oldest, which say least
about how things are now; when all together are too many, the one that has most does.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

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

    def __init__(self, bounds: Bounds = Bounds(), dropped: Callable[[], None] = lambda: None) -> None:  # noqa: B008
        """``dropped`` is called for each that is lost."""
        self._bounds, self._dropped = bounds, dropped
        self._waiting: OrderedDict[str, deque[tuple[T, int]]] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._count = self._size = 0
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_taken = False

    def __len__(self) -> int:
        return self._count

    def put(self, namespace: str, thing: T, size: int) -> None:
        """Let it wait, at the cost of older ones of the namespace if need be; never blocks."""
        self._waiting.setdefault(namespace, deque()).append((thing, size))
        self._sizes[namespace] = self._sizes.get(namespace, 0) + size
        self._count += 1
        self._size += size
        one, every, bytes_of_one, bytes_of_all = self._bounds
        while len(self._waiting[namespace]) > one or self._sizes[namespace] > bytes_of_one:
            self._drop(namespace)
            if namespace not in self._waiting:
                break
        while self._count > every:
            self._drop(max(self._waiting, key=lambda each: len(self._waiting[each])))
        while self._size > bytes_of_all:
            self._drop(max(self._sizes, key=self._sizes.__getitem__))
        if self._count:
            self._news.set()
            self._idle.clear()

    async def take(self) -> T:
        """Wait for the next one; the one before counts as dealt with then, or after :meth:`done`."""
        self.done()
        while not self._count:
            self._news.clear()
            await self._news.wait()
        namespace = next(iter(self._waiting))
        thing = self._remove(namespace)
        if namespace in self._waiting:
            self._waiting.move_to_end(namespace)
        self._is_taken = True
        return thing

    def done(self) -> None:
        """The one that was taken is dealt with."""
        self._is_taken = False
        if not self._count:
            self._idle.set()

    async def join(self) -> None:
        """Wait until nothing waits and nothing is being dealt with."""
        await self._idle.wait()

    def _drop(self, namespace: str) -> None:
        self._remove(namespace)
        self._dropped()

    def _remove(self, namespace: str) -> T:
        things = self._waiting[namespace]
        thing, size = things.popleft()
        self._count -= 1
        self._size -= size
        self._sizes[namespace] -= size
        if not things:
            del self._waiting[namespace], self._sizes[namespace]
        return thing


class Memory(Generic[K, V]):
    """What was noted last, by namespace and key: so many of each namespace, and of all; the oldest are forgotten."""

    def __init__(self, of_one: int, of_all: int) -> None:
        self._of_one, self._of_all = of_one, of_all
        self._notes: OrderedDict[str, OrderedDict[K, V]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def pop(self, namespace: str, key: K) -> V | None:
        """Return what was noted, and forget it."""
        notes = self._notes.get(namespace)
        if notes is None or key not in notes:
            return None
        note = notes.pop(key)
        self._count -= 1
        if not notes:
            del self._notes[namespace]
        return note

    def put(self, namespace: str, key: K, note: V) -> None:
        """Note it as the newest of its namespace."""
        self.pop(namespace, key)
        notes = self._notes.setdefault(namespace, OrderedDict())
        self._notes.move_to_end(namespace)
        notes[key] = note
        self._count += 1
        if len(notes) > self._of_one:
            self._forget(namespace)
        elif self._count > self._of_all:
            self._forget(max(self._notes, key=lambda each: len(self._notes[each])))

    def _forget(self, namespace: str) -> None:
        notes = self._notes[namespace]
        notes.popitem(last=False)
        self._count -= 1
        if not notes:
            del self._notes[namespace]
