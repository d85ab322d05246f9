"""Data keys that were opened: the same content need not be opened again, least of all by a service in a cloud.

Key services answer slowly, count what they are asked and take money for it, and a Kustomization of 50 encrypted
files asks 50 times. So opened keys are kept, in memory only, for the credentials that opened them: whoever changes the
Secret, or the service account, starts anew. Plain texts are not kept: values are decrypted in microseconds.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

Names = tuple[str, ...]
"""The encrypted forms of a data key."""

LIFETIME = 3600.0
"""Seconds, after which a key service is asked again, as it may have been told to refuse."""
MOST = 4096


class DataKeys:
    """The keys of all credentials, the least recently used dropped beyond ``most``. For use by several threads."""

    def __init__(self, most: int = MOST, lifetime: float = LIFETIME) -> None:
        self._most, self._lifetime = most, lifetime
        self._keys: OrderedDict[tuple[str, Names], tuple[bytes, float]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, credentials: str) -> CredentialKeys:
        """Those that these credentials have opened; ``credentials`` is what tells them from others."""
        return CredentialKeys(self, credentials)

    def get(self, credentials: str, names: Names) -> bytes | None:
        """The data key, None when it is not known (any more)."""
        with self._lock:
            found = self._keys.get((credentials, names))
            if found is None or found[1] < time.monotonic():
                return None
            self._keys.move_to_end((credentials, names))
            return found[0]

    def put(self, credentials: str, names: Names, key: bytes) -> None:
        """Keep a data key."""
        with self._lock:
            self._keys[credentials, names] = key, time.monotonic() + self._lifetime
            self._keys.move_to_end((credentials, names))
            while len(self._keys) > self._most:
                self._keys.popitem(last=False)

    def __len__(self) -> int:
        return len(self._keys)


class CredentialKeys:
    """The data keys of some credentials: an :class:`~headgate.postbuild.sops.OpenedKeys`."""

    def __init__(self, keys: DataKeys, credentials: str) -> None:
        self._keys, self._credentials = keys, credentials

    def get(self, names: Names) -> bytes | None:
        return self._keys.get(self._credentials, names)

    def put(self, names: Names, key: bytes) -> None:
        self._keys.put(self._credentials, names, key)
