"""A cache of opened data keys: a key service need not open the same data key again.

Key services are slow, count requests and charge for them, and a Kustomization with 50 encrypted files sends 50
requests. So opened keys are kept, in memory only, for the credentials that opened them: after a change of the Secret
or of the service account, the cache starts empty. Plain texts are not kept: values are decrypted in microseconds.
"""

from __future__ import annotations

import threading
import time

from cachetools import TTLCache

Names = tuple[str, ...]
"""The encrypted forms of a data key."""

LIFETIME = 3600.0
"""Seconds after which the key service must open the key again, as its permissions may have changed."""
MOST = 4096


class DataKeys:
    """The keys of all credentials; beyond ``most``, it drops the least recently used. Threads may share it."""

    def __init__(self, most: int = MOST, lifetime: float = LIFETIME) -> None:
        self._keys: TTLCache[tuple[str, Names], bytes] = TTLCache(
            most, lifetime, timer=lambda: time.monotonic()
        )
        self._lock = threading.Lock()

    def of(self, credentials: str) -> CredentialKeys:
        """The keys that these credentials have opened; ``credentials`` identifies them."""
        return CredentialKeys(self, credentials)

    def get(self, credentials: str, names: Names) -> bytes | None:
        """The data key; None if the cache does not (or no longer) have it."""
        with self._lock:
            return self._keys.get((credentials, names))

    def put(self, credentials: str, names: Names, key: bytes) -> None:
        """Keep a data key."""
        with self._lock:
            self._keys[credentials, names] = key

    def __len__(self) -> int:
        return len(self._keys)


class CredentialKeys:
    """The data keys of one set of credentials: an :class:`~headgate.postbuild.sops.decryptor.OpenedKeys`."""

    def __init__(self, keys: DataKeys, credentials: str) -> None:
        self._keys, self._credentials = keys, credentials

    def get(self, names: Names) -> bytes | None:
        return self._keys.get(self._credentials, names)

    def put(self, names: Names, key: bytes) -> None:
        self._keys.put(self._credentials, names, key)
