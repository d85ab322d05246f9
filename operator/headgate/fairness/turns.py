"""Items by namespace: in order of arrival within each namespace, and in turns between namespaces. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

__all__ = ["Turns"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Turns(Generic[K, V]):
    """Values by namespace and key. Iteration yields the namespaces, the next one first."""

    def __init__(self) -> None:
        self._things: OrderedDict[str, OrderedDict[K, V]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return iter(self._things)

    def count(self, namespace: str) -> int:
        """Return the number of items of a namespace."""
        return len(self._things.get(namespace, ()))

    def largest(self) -> str:
        """Return the namespace with the most items; raises ValueError when there are none."""
        return max(self._things, key=self.count)

    def put(self, namespace: str, key: K, value: V) -> None:
        """Add the value as the newest of its namespace; it replaces the previous value of the key."""
        self.pop(namespace, key)
        self._things.setdefault(namespace, OrderedDict())[key] = value
        self._count += 1

    def pop(self, namespace: str, key: K) -> V | None:
        """Remove and return the value of the key, None when it has none."""
        things = self._things.get(namespace)
        if things is None or key not in things:
            return None
        value = things.pop(key)
        self._removed(namespace)
        return value

    def pop_oldest(self, namespace: str) -> tuple[K, V]:
        """Remove and return the oldest item of a namespace, which keeps its turn; raises KeyError."""
        found = self._things[namespace].popitem(last=False)
        self._removed(namespace)
        return found

    def take(self, namespace: str) -> tuple[K, V]:
        """Remove and return the oldest item of a namespace, which then moves to the last turn; raises KeyError."""
        found = self.pop_oldest(namespace)
        if namespace in self._things:
            self._things.move_to_end(namespace)
        return found

    def clear(self) -> None:
        """Remove all items."""
        self._things.clear()
        self._count = 0

    def _removed(self, namespace: str) -> None:
        self._count -= 1
        if not self._things[namespace]:
            del self._things[namespace]
