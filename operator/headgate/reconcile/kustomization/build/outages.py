"""Key services that did not respond get no further calls for a while.

A build waits for them, and occupies a thread and a worker in the meantime: without this, a dozen Kustomizations whose
key service is down would delay all others at each retry.

A service that does not respond to some credentials may respond to others: a key file may name the server that issues
tokens, and a tenant's may name one that never responds. So an outage applies only to the credentials that met it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cachetools import TTLCache

from headgate.postbuild.sops import DataKeySource, DecryptionError, KeyRefused, MasterKey, ServiceSilent

PAUSE = 60.0
"""Seconds without calls after an outage."""
MOST = 1000
MOST_TIME = 120.0
"""Seconds that all key services together may take in one build; the last call may end a few seconds later."""


class KeyTime:
    """The time that key services take in one build: a file may name hundreds of them, and each may be slow."""

    def __init__(self, limit: float = MOST_TIME) -> None:
        self._limit, self._spent = limit, 0.0

    @contextmanager
    def asking(self, key: MasterKey) -> Iterator[None]:
        """Count the time of a call; raises :class:`DecryptionError` if no time is left for it."""
        if self._spent >= self._limit:
            raise DecryptionError(
                f"the key services took {self._limit:g}s, the limit for one attempt, so Headgate did not ask "
                f"{key.name}; remove the keys of services that do not answer. The next attempt reuses the data keys "
                "opened so far"
            )
        started = time.monotonic()
        try:
            yield
        finally:
            self._spent += time.monotonic() - started


class Outages:
    """Which service did not respond to which credentials, and when; forgets the oldest first. Threads may share it."""

    def __init__(self, pause: float = PAUSE, most: int = MOST) -> None:
        self._silent: TTLCache[tuple[str, str], None] = TTLCache(most, pause, timer=lambda: time.monotonic())
        self._lock = threading.Lock()

    def watch(self, source: DataKeySource, credentials: str, time_left: KeyTime) -> DataKeySource:
        """The same source, which skips a service that failed to respond a moment ago, and stops when time is over.

        ``credentials`` identifies the credentials of the source.
        """
        return _Watched(source, self, credentials, time_left)

    def check(self, credentials: str, service: str) -> None:
        """Raise :class:`KeyRefused` if a call would be pointless."""
        with self._lock:
            is_silent = (credentials, service) in self._silent
        if is_silent:
            raise KeyRefused("the service did not answer a moment ago; Headgate tries it again in a minute")

    def note(self, credentials: str, service: str) -> None:
        """Record that the service did not respond."""
        with self._lock:
            self._silent[credentials, service] = None

    def __len__(self) -> int:
        return len(self._silent)


class _Watched:
    def __init__(self, source: DataKeySource, outages: Outages, credentials: str, time_left: KeyTime) -> None:
        self._source, self._outages, self._credentials = source, outages, credentials
        self._time_left = time_left

    def serves(self, key: MasterKey) -> bool:
        return self._source.serves(key)

    def decrypt(self, key: MasterKey) -> bytes:
        service = key.service
        if not service:
            return self._source.decrypt(key)
        self._outages.check(self._credentials, service)
        try:
            with self._time_left.asking(key):
                return self._source.decrypt(key)
        except ServiceSilent:
            self._outages.note(self._credentials, service)
            raise
