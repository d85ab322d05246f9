"""Whose turn it is: the order in which keys of many namespaces are handed to a few workers. Pure.

* Of the keys of one namespace, the most urgent goes first, the oldest among equals.
* Namespaces that have keys of the same urgency take turns.
* A namespace that has its share of the workers, or more, waits for all that have less, however urgent its keys are: who
  asks for a thousand things is served as one of those who ask, and not before them. Alone, it may have all workers ...
* ... but one, where there are other namespaces at all: what somebody else wants begins at once.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class FairOrder(Generic[K]):
    """Keys that wait, by urgency (0 first) and namespace, and how many of each namespace are with workers."""

    def __init__(self, urgencies: int, workers: int, most: int | None = None) -> None:
        """``most`` is how many keys of one namespace may be with workers, however many of these are free."""
        self._workers = workers
        self._most = workers if most is None else most
        self._waiting: list[OrderedDict[str, OrderedDict[K, None]]] = [
            OrderedDict() for _ in range(urgencies)
        ]
        """The namespace whose turn comes next is first, and so is its oldest key."""
        self._places: dict[K, tuple[int, str]] = {}
        self._held: Counter[str] = Counter()
        self._known: set[str] = set()
        """All namespaces that ever had a key."""

    def put(self, key: K, namespace: str, urgency: int) -> None:
        """Have the key wait; at another place, if it waits already."""
        self.drop(key)
        self._known.add(namespace)
        self._places[key] = (urgency, namespace)
        self._waiting[urgency].setdefault(namespace, OrderedDict())[key] = None

    def drop(self, key: K) -> None:
        """Have the key wait no longer."""
        place = self._places.pop(key, None)
        if place is None:
            return
        urgency, namespace = place
        keys = self._waiting[urgency][namespace]
        del keys[key]
        if not keys:
            del self._waiting[urgency][namespace]

    def take(self) -> K | None:
        """The key whose turn it is, which is with a worker from now on; None when none may go now."""
        found = next(self._allowed(), None)
        if found is None:
            return None
        urgency, namespace = found
        key = next(iter(self._waiting[urgency][namespace]))
        self.drop(key)
        if namespace in self._waiting[urgency]:
            self._waiting[urgency].move_to_end(namespace)
        self._held[namespace] += 1
        return key

    def release(self, namespace: str) -> None:
        """A worker is finished with a key of the namespace."""
        self._held[namespace] -= 1
        if self._held[namespace] <= 0:
            del self._held[namespace]

    def clear(self) -> None:
        """Nothing waits any more."""
        self._places.clear()
        for waiting in self._waiting:
            waiting.clear()

    def _allowed(self) -> Iterator[tuple[int, str]]:
        """Urgency and namespace of keys that may go, in their order."""
        free = self._workers - self._held.total()
        if free <= 0:
            return
        present = {namespace for waiting in self._waiting for namespace in waiting} | self._held.keys()
        share = self._workers // len(present) if present else self._workers
        above: list[tuple[int, str]] = []
        for urgency, waiting in enumerate(self._waiting):
            for namespace in waiting:
                held = self._held[namespace]
                if held >= self._most:
                    continue
                if held and free == 1 and len(self._known) > 1:
                    continue  # The last worker is for somebody who has none.
                if held and held >= share:
                    above.append((urgency, namespace))
                else:
                    yield urgency, namespace
        yield from above
