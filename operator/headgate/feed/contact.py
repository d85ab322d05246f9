"""Whether the API server answers: observed on requests that are sent anyway."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from headgate.kube import RequestObserver

__all__ = ["Contact"]

FAILURES = 2
"""Requests in a row without an answer after which the API server counts as unreachable."""


class Contact:
    """Passes observations on; calls ``on_change`` when the API server stops answering, or answers again."""

    def __init__(
        self, observer: RequestObserver, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._observer, self._now = observer, now
        self.on_change: Callable[[], None] = lambda: None
        self.connected, self.since = True, now()
        self._failures = 0

    def requested(self, host: str, verb: str, resource: str, status: int, seconds: float) -> None:
        """Take in a request; ``status`` 0: there was no answer."""
        self._observer.requested(host, verb, resource, status, seconds)
        self._failures = 0 if status else self._failures + 1
        connected = self._failures < FAILURES
        if connected != self.connected:
            self.connected, self.since = connected, self._now()
            self.on_change()
