"""How often clients may try to log in. Pure, except for the clock that it is given."""

from __future__ import annotations

import time
from collections.abc import Callable

from cachetools import LRUCache

from headgate.page.access.identity import Busy

__all__ = ["LoginPace"]

BURST, PER_SECOND = 10, 0.2
"""Failed attempts of one client: at once, and per second after that."""
BURST_OF_ALL, PER_SECOND_OF_ALL = 100, 10.0
"""The same for all clients together, each of which costs the API server a TokenReview."""
MAX_CLIENTS = 10_000


class LoginPace:
    """Counts attempts with tokens that are not known yet; those that succeed cost nothing in the end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: LRUCache[str, tuple[float, float]] = LRUCache(MAX_CLIENTS)
        self._all = (float(BURST_OF_ALL), clock())

    def begin(self, client: str) -> None:
        """Count an attempt. Raises :class:`Busy` for a client that must wait before."""
        own, all_left = self._of(client), self._of_all()
        for left, per_second in ((own, PER_SECOND), (all_left, PER_SECOND_OF_ALL)):
            if left < 1:
                raise Busy("Too many failed logins. Try again later.", (1 - left) / per_second)
        self._set(client, own - 1, all_left - 1)

    def succeeded(self, client: str) -> None:
        """Count an attempt no longer."""
        self._set(client, self._of(client) + 1, self._of_all() + 1)

    def _set(self, client: str, own: float, all_left: float) -> None:
        now = self._clock()
        self._left[client], self._all = (own, now), (all_left, now)

    def _of(self, client: str) -> float:
        left, at = self._left.get(client, (float(BURST), self._clock()))
        return min(float(BURST), left + (self._clock() - at) * PER_SECOND)

    def _of_all(self) -> float:
        left, at = self._all
        return min(float(BURST_OF_ALL), left + (self._clock() - at) * PER_SECOND_OF_ALL)
