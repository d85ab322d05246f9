"""Data keys for age recipients: X25519 by ``pyrage``, the post-quantum hybrid by :mod:`.age_hybrid`."""

from __future__ import annotations

from collections.abc import Iterable

import pyrage

from headgate.panics import Panicked, contained
from headgate.postbuild.sops.age_hybrid import HybridIdentity, NotForThisIdentity
from headgate.postbuild.sops.errors import KeyCredentialsInvalid
from headgate.postbuild.sops.keys import KeyRefused
from headgate.postbuild.sops.metadata import MasterKey

__all__ = ["AgeIdentities"]


class AgeIdentities:
    """Any number of private keys of age; decryption tries each of them."""

    def __init__(self) -> None:
        self._x25519: list[pyrage.x25519.Identity] = []
        self._hybrid: list[HybridIdentity] = []

    def add(self, text: str) -> None:
        """Add a key file: one identity per line, ``#`` for comments. Raises :class:`KeyCredentialsInvalid`."""
        for number, line in enumerate(text.splitlines(), 1):
            identity = line.strip()
            if not identity or identity.startswith("#"):
                continue
            try:
                if identity.upper().startswith("AGE-SECRET-KEY-PQ-1"):
                    self._hybrid.append(HybridIdentity(identity))
                else:
                    with contained():
                        self._x25519.append(pyrage.x25519.Identity.from_str(identity))
            except (ValueError, pyrage.IdentityError, Panicked):
                raise KeyCredentialsInvalid(
                    f"has no age identity (AGE-SECRET-KEY-1…) in line {number}"
                ) from None

    def __bool__(self) -> bool:
        return bool(self._x25519 or self._hybrid)

    def serves(self, key: MasterKey) -> bool:
        return key.kind == "age" and bool(self)

    def decrypt(self, key: MasterKey) -> bytes:
        """Return the data key in an armored age file; raises :class:`KeyRefused`."""
        data = key.enc.encode()
        for attempt in self._attempts(data):
            if attempt is not None:
                return attempt
        raise KeyRefused("none of the given age identities belongs to its recipient")

    def _attempts(self, data: bytes) -> Iterable[bytes | None]:
        if self._x25519:
            try:
                with contained():
                    plain = pyrage.decrypt(data, self._x25519)
            except (pyrage.DecryptError, Panicked):
                plain = None
            yield plain
        for identity in self._hybrid:
            try:
                yield identity.decrypt(data)
            except NotForThisIdentity:
                yield None
