"""An index of resources by keys derived from each, updated when single resources change."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable
from typing import Generic, TypeVar

from headgate.kustomize.resources.resource import Resource

K = TypeVar("K")


class Index(Generic[K]):
    """Positions of resources by key; an empty resource has no keys."""

    __slots__ = ("_keys", "_keys_of", "_positions", "_sorted")

    def __init__(
        self, keys_of: Callable[[Resource], Collection[K]], resources: Iterable[Resource] = ()
    ) -> None:
        self._keys_of = keys_of
        self._keys: dict[int, Collection[K]] = {}
        self._positions: dict[K, set[int]] = {}
        self._sorted: list[K] | None = None
        for resource in resources:
            self.note(resource)

    def note(self, resource: Resource) -> Collection[K]:
        """Record the current keys of a resource, and return them."""
        return self.put(resource.position, self._keys_of(resource) if resource.obj else ())

    def put(self, position: int, keys: Collection[K]) -> Collection[K]:
        """Record the keys of the resource at a position, and return them."""
        old = self._keys.get(position, ())
        if old == keys:
            return keys
        for key in old:
            there = self._positions[key]
            there.discard(position)
            if not there:
                del self._positions[key]
        for key in keys:
            there = self._positions.get(key)  # type: ignore[assignment]
            if there is None:
                self._positions[key] = {position}
            else:
                there.add(position)
        self._keys[position] = keys
        self._sorted = None
        return keys

    def positions(self, key: K) -> Collection[int]:
        """Return the positions of the resources with a key, in no order."""
        return self._positions.get(key, ())

    def starting_with(self: Index[str], prefix: str) -> set[int]:
        """Return the positions of the resources that have a key with this prefix."""
        if self._sorted is None:
            self._sorted = sorted(self._positions)
        found: set[int] = set()
        for at in range(bisect_left(self._sorted, prefix), len(self._sorted)):
            if not self._sorted[at].startswith(prefix):
                break
            found |= self._positions[self._sorted[at]]
        return found
