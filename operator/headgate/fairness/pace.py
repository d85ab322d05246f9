"""How often one key may have a turn when somebody requests it all the time: a token bucket for each key. Pure.

A key has ``burst`` turns at once and one more every ``every`` seconds: occasional requests do not wait, and constant
requests get a limited part of the shared resource.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_SWEEP_AT = 1024


class Pace(Generic[K]):
    """Times are in seconds of any monotonic clock."""

    def __init__(self, burst: int, every: float) -> None:
        self._burst, self._every = burst, every
        self._buckets: dict[K, tuple[float, float]] = {}
        """Turns left, and the time of the count. A key without an entry has all turns."""
        self._sweep_at = _SWEEP_AT

    def __len__(self) -> int:
        return len(self._buckets)

    def pause(self, key: K, now: float) -> float:
        """Return the seconds until the key may have its next turn; 0 if it may have it now."""
        return max(0.0, (1.0 - self._left(key, now)) * self._every)

    def take(self, key: K, now: float) -> None:
        """Use a turn of the key, whether it was due or not."""
        if len(self._buckets) >= self._sweep_at:
            self._sweep(now)
        self._buckets[key] = max(0.0, self._left(key, now) - 1.0), now

    def forget(self, key: K) -> None:
        """Drop a key that no longer exists."""
        self._buckets.pop(key, None)

    def _left(self, key: K, now: float) -> float:
        left, at = self._buckets.get(key, (float(self._burst), now))
        return min(float(self._burst), left + (now - at) / self._every)

    def _sweep(self, now: float) -> None:
        """Drop the keys that have all their turns again."""
        self._buckets = {
            key: kept for key, kept in self._buckets.items() if self._left(key, now) < self._burst
        }
        self._sweep_at = max(_SWEEP_AT, 2 * len(self._buckets))
