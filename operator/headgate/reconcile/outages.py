"""Key services that do not answer are left alone for a while.

A build waits for them, and holds a thread and a worker meanwhile: without this, a dozen Kustomizations whose service
is down would hold up all others whenever they are tried again.

What is silent to some credentials need not be to others: a key file may name the server that gives out tokens, and a
tenant's may name one that never answers. So an outage holds for the credentials that met it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from headgate.postbuild.sops import DataKeySource, KeyRefused, MasterKey, ServiceSilent

PAUSE = 60.0
"""Seconds."""


MOST = 1000


class Outages:
    """The services that did not answer, to whom, and when; the oldest are forgotten. For use by several threads."""

    def __init__(self, pause: float = PAUSE, most: int = MOST) -> None:
        self._pause, self._most = pause, most
        self._until: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._lock = threading.Lock()

    def watch(self, source: DataKeySource, credentials: str) -> DataKeySource:
        """The same source, which is not asked about a service that was silent a moment ago.

        ``credentials`` is what tells those of the source from others.
        """
        return _Watched(source, self, credentials)

    def check(self, credentials: str, service: str) -> None:
        """Raise :class:`KeyRefused` when there is no point in asking."""
        with self._lock:
            left = self._until.get((credentials, service), 0.0) - time.monotonic()
            if left <= 0:
                self._until.pop((credentials, service), None)
        if left > 0:
            raise KeyRefused("the service did not answer a moment ago, and is asked again in a minute")

    def note(self, credentials: str, service: str) -> None:
        """It did not answer."""
        with self._lock:
            self._until[credentials, service] = time.monotonic() + self._pause
            self._until.move_to_end((credentials, service))
            while len(self._until) > self._most:
                self._until.popitem(last=False)

    def __len__(self) -> int:
        return len(self._until)


class _Watched:
    def __init__(self, source: DataKeySource, outages: Outages, credentials: str) -> None:
        self._source, self._outages, self._credentials = source, outages, credentials

    def serves(self, key: MasterKey) -> bool:
        return self._source.serves(key)

    def decrypt(self, key: MasterKey) -> bytes:
        service = key.service
        if not service:
            return self._source.decrypt(key)
        self._outages.check(self._credentials, service)
        try:
            return self._source.decrypt(key)
        except ServiceSilent:
            self._outages.note(self._credentials, service)
            raise
