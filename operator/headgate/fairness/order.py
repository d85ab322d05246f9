"""Whose turn it is: the order in which keys of many namespaces are handed to a few workers. Pure.

* Of the keys of one namespace, the most urgent goes first, the oldest among equals.
* Namespaces that have keys of the same urgency take turns.
* A namespace that has its share of the workers, or more, waits for all that have less, however urgent its keys are: who
  asks for a thousand things is served as one of those who ask, and not before them. Alone, it may have all workers ...
* ... but one, where there are other namespaces at all: what somebody else wants begins at once.
* Where work may take long and cannot be interrupted, more is left free: a namespace then gets a worker while it holds
  less than one part in ``left + 1`` of those that others do not hold. With ``left=1`` one namespace alone gets half of
  them, the next one half of the rest, and so on; the last ``left`` are for namespaces that hold none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from headgate.fairness.turns import Turns

K = TypeVar("K", bound=Hashable)


class FairOrder(Generic[K]):
    """Keys that wait, by urgency (0 first) and namespace, and how many of each namespace are with workers."""

    def __init__(self, urgencies: int, workers: int, most: int | None = None, *, left: int = 0) -> None:
        """``most`` is how many keys of one namespace may be with workers, however many of these are free; ``left``
        is what it leaves to others, in parts as large as its own."""
        self.workers = workers
        self._most, self._left = most, left
        self._waiting: list[Turns[K, None]] = [Turns() for _ in range(urgencies)]
        self._places: dict[K, tuple[int, str]] = {}
        self._held: Counter[str] = Counter()
        self._known: set[str] = set()
        """All namespaces that ever had a key."""

    def __len__(self) -> int:
        """How many keys wait."""
        return len(self._places)

    @property
    def held(self) -> int:
        """How many keys are with workers."""
        return self._held.total()

    def put(self, key: K, namespace: str, urgency: int) -> None:
        """Have the key wait; at another place, if it waits already."""
        self.drop(key)
        self._known.add(namespace)
        self._places[key] = (urgency, namespace)
        self._waiting[urgency].put(namespace, key, None)

    def drop(self, key: K) -> None:
        """Have the key wait no longer."""
        place = self._places.pop(key, None)
        if place is not None:
            urgency, namespace = place
            self._waiting[urgency].pop(namespace, key)

    def may_take(self) -> bool:
        """Tell whether there is a key that may go now."""
        return next(self._allowed(), None) is not None

    def take(self) -> K | None:
        """The key whose turn it is, which is with a worker from now on; None when none may go now."""
        found = next(self._allowed(), None)
        if found is None:
            return None
        urgency, namespace = found
        key, _ = self._waiting[urgency].take(namespace)
        del self._places[key]
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
        free = self.workers - self.held
        if free <= 0 or not self._places:
            return
        present = {namespace for waiting in self._waiting for namespace in waiting} | self._held.keys()
        share = self.workers // len(present)
        above: list[tuple[int, str]] = []
        for urgency, waiting in enumerate(self._waiting):
            for namespace in waiting:
                held = self._held[namespace]
                if held and (held * self._left >= free or (self._most is not None and held >= self._most)):
                    continue
                if held and free == 1 and len(self._known) > 1:
                    continue  # The last worker is for somebody who has none.
                if held and held >= share:
                    above.append((urgency, namespace))
                else:
                    yield urgency, namespace
        yield from above
