"""The delay before a retry: exponential, up to a limit, with jitter.

The sequence is that of client-go's ``ItemExponentialFailureRateLimiter``, which Flux's options describe. Tenacity and
stamina do not fit: they repeat one call, in a task that sleeps meanwhile. Here most delays are timers of a work queue,
which an event ends early; failures are counted by key, across calls; and a server's ``Retry-After`` replaces the delay.
"""

from __future__ import annotations

import random
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Backoff", "Doubling", "jittered"]

K = TypeVar("K", bound=Hashable)

_MOST_DOUBLINGS = 60


@dataclass(frozen=True, slots=True)
class Doubling:
    """Delays in seconds: the first and the largest; ``jitter`` is the fraction by which each may vary."""

    first: float
    longest: float
    jitter: float = 0.0

    def after(self, failures: int) -> float:
        """Return the delay in seconds after this number of consecutive failures, at least one."""
        return self.limited(self.first * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))

    def limited(self, pause: float) -> float:
        """Return a delay that another side asks for (``Retry-After``), in seconds, limited and with jitter."""
        return jittered(min(self.longest, pause), self.jitter)


def jittered(seconds: float, part: float) -> float:
    """Return the time, longer or shorter by up to this fraction, so that retries do not coincide."""
    return seconds * random.uniform(1 - part, 1 + part) if part else seconds  # noqa: S311 - spreads load


class Backoff(Generic[K]):
    """Counts the consecutive failures of each key and computes its delay."""

    def __init__(self, pauses: Doubling) -> None:
        self._pauses = pauses
        self._failures: dict[K, int] = {}

    def next(self, key: K) -> float:
        """Count a failure; returns the delay in seconds."""
        self._failures[key] = failures = self.failures(key) + 1
        return self._pauses.after(failures)

    def failures(self, key: K) -> int:
        """Return the number of consecutive failures."""
        return self._failures.get(key, 0)

    def reset(self, key: K) -> None:
        """Record a success."""
        self._failures.pop(key, None)
