"""Back-off for objects that somebody keeps changing: drift is corrected immediately, but not in a hot loop.

The first correction of an object is immediate. Each further one within :data:`QUIET` seconds of the last waits
longer. So two writers who disagree cause few requests, and a single change is corrected without a delay.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from cachetools import LRUCache

from headgate.backoff import Doubling

PAUSES = Doubling(4.0, 300.0)
"""The delays between the first correction and the second, and so on."""
QUIET = 600.0
"""Seconds without drift after which an object's back-off starts from the beginning."""
REMEMBERED = 10_000
"""How many objects the back-off covers; it forgets those first that have been without drift the longest."""


@dataclass(slots=True)
class _History:
    corrections: int
    next_at: float


class DriftBackoff:
    """Computes how long the next correction of an object waits."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._histories: LRUCache[Hashable, _History] = LRUCache(REMEMBERED)

    def delay(self, key: Hashable) -> float:
        """Seconds to wait now; counts as a correction at the end of that time."""
        now = self._clock()
        history = self._histories.get(key)
        if history is None or now - history.next_at > QUIET:
            history = _History(0, now)
        else:
            history.next_at = max(now, history.next_at + PAUSES.after(history.corrections))
        history.corrections += 1
        self._histories[key] = history
        return history.next_at - now
