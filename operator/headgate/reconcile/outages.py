"""Key services that do not answer are left alone for a while.

A build waits for them, and holds a thread and a worker meanwhile: without this, a dozen Kustomizations whose service
is down would hold up all others whenever they are tried again.
"""

from __future__ import annotations

import time

from headgate.postbuild.sops import DataKeySource, KeyRefused, MasterKey, ServiceSilent

PAUSE = 60.0
"""Seconds."""


class Outages:
    """The services that did not answer, and when. Used by several threads: at worst one more asks in vain."""

    def __init__(self, pause: float = PAUSE) -> None:
        self._pause = pause
        self._until: dict[str, float] = {}

    def watch(self, source: DataKeySource) -> DataKeySource:
        """The same source, which is not asked about a service that was silent a moment ago."""
        return _Watched(source, self)

    def check(self, service: str) -> None:
        """Raise :class:`KeyRefused` when there is no point in asking."""
        left = self._until.get(service, 0.0) - time.monotonic()
        if left > 0:
            raise KeyRefused("the service did not answer a moment ago, and is asked again in a minute")
        self._until.pop(service, None)

    def note(self, service: str) -> None:
        """It did not answer."""
        self._until[service] = time.monotonic() + self._pause


class _Watched:
    def __init__(self, source: DataKeySource, outages: Outages) -> None:
        self._source, self._outages = source, outages

    def serves(self, key: MasterKey) -> bool:
        return self._source.serves(key)

    def decrypt(self, key: MasterKey) -> bytes:
        service = key.service
        if not service:
            return self._source.decrypt(key)
        self._outages.check(service)
        try:
            return self._source.decrypt(key)
        except ServiceSilent:
            self._outages.note(service)
            raise
