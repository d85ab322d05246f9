"""Which key is next: the order in which a few workers get the keys of many namespaces. Pure.

* Of the keys of one namespace, the most urgent is first, the oldest among equals.
* Namespaces with keys of the same urgency take turns.
* A namespace that has its quota of workers, or more, waits for all that have less, however urgent its keys are: a
  namespace with a thousand keys counts as one of several and is not served first. Alone, it may have all workers ...
* ... except one, if other namespaces exist: their next key starts at once.
* Where work may take long and cannot be interrupted, more workers stay free: a namespace then gets a worker while it
  holds less than one part in ``left + 1`` of those that others do not hold. With ``left=1`` one namespace alone gets
  half of them, the next one half of the rest, and so on; the last ``left`` are for namespaces that hold none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from headgate.fairness.turns import Turns

K = TypeVar("K", bound=Hashable)


class FairOrder(Generic[K]):
    """Waiting keys, by urgency (0 first) and namespace, and how many keys of each namespace workers hold."""

    def __init__(self, urgencies: int, workers: int, most: int | None = None, *, left: int = 0) -> None:
        """``most`` limits the keys of one namespace that workers hold, however many workers are free.

        ``left`` is what a namespace leaves to others, in multiples of what it holds itself.
        """
        self.workers = workers
        self._most, self._left = most, left
        self._waiting: list[Turns[K, None]] = [Turns() for _ in range(urgencies)]
        self._places: dict[K, tuple[int, str]] = {}
        self._held: Counter[str] = Counter()
        self._known: set[str] = set()
        """The first two namespaces that have had a key: the order only depends on whether there were several."""

    def __len__(self) -> int:
        """How many keys wait."""
        return len(self._places)

    @property
    def held(self) -> int:
        """How many keys workers hold."""
        return self._held.total()

    def put(self, key: K, namespace: str, urgency: int) -> None:
        """Add a waiting key; moves it if it waits already."""
        self.drop(key)
        if len(self._known) < 2:
            self._known.add(namespace)
        self._places[key] = (urgency, namespace)
        self._waiting[urgency].put(namespace, key, None)

    def drop(self, key: K) -> None:
        """Remove a waiting key."""
        place = self._places.pop(key, None)
        if place is not None:
            urgency, namespace = place
            self._waiting[urgency].pop(namespace, key)

    def may_take(self) -> bool:
        """Return whether a key may start now."""
        return next(self._allowed(), None) is not None

    def take(self) -> K | None:
        """Return the next key, which a worker holds from now on; None if no key may start now."""
        found = next(self._allowed(), None)
        if found is None:
            return None
        urgency, namespace = found
        key, _ = self._waiting[urgency].take(namespace)
        del self._places[key]
        self._held[namespace] += 1
        return key

    def release(self, namespace: str) -> None:
        """Record that a worker has finished a key of the namespace."""
        self._held[namespace] -= 1
        if self._held[namespace] <= 0:
            del self._held[namespace]

    def clear(self) -> None:
        """Remove all waiting keys."""
        self._places.clear()
        for waiting in self._waiting:
            waiting.clear()

    def _allowed(self) -> Iterator[tuple[int, str]]:
        """Yield urgency and namespace of keys that may start, in order."""
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
                    continue  # The last worker is for a namespace that has none.
                if held and held >= share:
                    above.append((urgency, namespace))
                else:
                    yield urgency, namespace
        yield from above
