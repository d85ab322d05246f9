"""Data keys for OpenPGP keys, with Sequoia (``pysequoia``) in this process.

GnuPG, which Flux calls, needs private keys in files and an agent process. Sequoia reads them from memory, but is
stricter: it decrypts with the first component of a key that may encrypt, and not with expired components or those with
obsolete signatures. Old encrypted files must stay readable, so each component gets a separate certificate
(:mod:`.openpgp_wrap`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pysequoia import Tsk, decrypt
from pysequoia.packet import Packet, PacketPile, Tag

from headgate.panics import contained
from headgate.postbuild.sops.errors import KeyCredentialsInvalid
from headgate.postbuild.sops.keys import KeyRefused
from headgate.postbuild.sops.metadata import MasterKey
from headgate.postbuild.sops.openpgp_wrap import wrap

__all__ = ["OpenPgpKeys"]

_BLOCK = re.compile(
    rb"-----BEGIN PGP PRIVATE KEY BLOCK-----.*?-----END PGP PRIVATE KEY BLOCK-----", re.DOTALL
)
_TAGS = ((Tag.SecretKey, 5), (Tag.PublicKey, 6), (Tag.SecretSubkey, 7))


class OpenPgpKeys:
    """Any number of OpenPGP private keys; decryption tries each component that may encrypt."""

    def __init__(self) -> None:
        self._keys: list[Tsk] = []

    def add(self, data: bytes) -> None:
        """Add exported keys, armored or not; raises :class:`KeyCredentialsInvalid`.

        Ignores public keys. A private key must not have a passphrase.
        """
        blocks = _BLOCK.findall(data) or [data]
        for block in blocks:
            try:
                with contained():
                    keys = list(_keys(list(PacketPile.from_bytes(block))))
            except Exception:
                raise KeyCredentialsInvalid("is not an OpenPGP key") from None
            for key in keys:
                self._add_key(key)

    def _add_key(self, packets: list[tuple[int, bytes]]) -> None:
        secret = [body for tag, body in packets if tag in (5, 7) and body]
        found = []
        for body in secret:
            try:
                wrapped = wrap(body)
                if wrapped is not None:
                    with contained():
                        key = Tsk.from_bytes(wrapped)
                        key.decryptor()
                    found.append(key)
            except Exception:  # noqa: S112 - the binding has no narrower class, for a passphrase either
                continue
        if secret and not found:
            raise KeyCredentialsInvalid(
                "holds an OpenPGP key that cannot decrypt: it has a passphrase, or no part for encryption"
            )
        self._keys.extend(found)

    def serves(self, key: MasterKey) -> bool:
        return key.kind == "pgp" and bool(self._keys)

    def decrypt(self, key: MasterKey) -> bytes:
        """Return the data key in an armored message; raises :class:`KeyRefused`."""
        for each in self._keys:
            try:
                with contained():
                    # Each message gets a new decryptor: after a panic, the lock of the old one is poisoned.
                    plain = decrypt(key.enc.encode(), decryptor=each.decryptor()).bytes
            except Exception:  # noqa: S112 - the binding has no narrower class, for a wrong key either
                continue
            if plain is not None:
                return bytes(plain)
        raise KeyRefused("none of the given OpenPGP keys opens it")


def _keys(packets: list[Packet]) -> Iterator[list[tuple[int, bytes]]]:
    """Split a keyring into keys: the tags and bodies of their key packets, except public subkeys."""
    current: list[tuple[int, bytes]] = []
    for packet in packets:
        tag = next((number for tag, number in _TAGS if tag == packet.tag), None)
        if tag is not None:
            if tag in (5, 6) and current:
                yield current
                current = []
            current.append((tag, bytes(packet.body)))
    if current:
        yield current
