"""How long to wait before what failed is tried again: twice as long each time, up to a limit, with some spread.

The sequence is that of client-go's ``ItemExponentialFailureRateLimiter``, which Flux's options describe. Neither
tenacity nor stamina serves here: they repeat one call, in a task that sleeps meanwhile. Here most waits are timers of a
work queue, which an event cuts short; failures are counted by key, from one call to the next; and a server's
``Retry-After`` takes the place of the pause.
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
    """Pauses in seconds: the first one, and what none exceeds; ``jitter`` is the part by which each may vary."""

    first: float
    longest: float
    jitter: float = 0.0

    def after(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, of which there is one at least."""
        return self.limited(self.first * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))

    def limited(self, pause: float) -> float:
        """Seconds to wait where somebody else has said how long, as a server with ``Retry-After`` does."""
        return jittered(min(self.longest, pause), self.jitter)


def jittered(seconds: float, part: float) -> float:
    """Return the time made longer or shorter by up to this part of it, so that not all come back at once."""
    return seconds * random.uniform(1 - part, 1 + part) if part else seconds  # noqa: S311 - spreads load


class Backoff(Generic[K]):
    """How often in a row each key has failed, and how long it waits."""

    def __init__(self, pauses: Doubling) -> None:
        self._pauses = pauses
        self._failures: dict[K, int] = {}

    def next(self, key: K) -> float:
        """Count a failure; returns the seconds to wait now."""
        self._failures[key] = failures = self.failures(key) + 1
        return self._pauses.after(failures)

    def failures(self, key: K) -> int:
        """How often in a row it has failed."""
        return self._failures.get(key, 0)

    def reset(self, key: K) -> None:
        """It did not fail."""
        self._failures.pop(key, None)
