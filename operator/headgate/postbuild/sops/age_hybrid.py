"""age files for post-quantum hybrid recipients (``age1pq1…``), with HPKE from the ``cryptography`` package.

HPKE with ML-KEM-768 and X25519, HKDF-SHA256 and ChaCha20-Poly1305 wraps the file key. Source of the format: the age
specification, C2SP ``age.md``, section "The mlkem768x25519 recipient type".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = ["HybridIdentity", "NotForThisIdentity"]

_LABEL = b"age-encryption.org/mlkem768x25519"
_PREFIX = "age-secret-key-pq-"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHUNK = 64 * 1024 + 16


class NotForThisIdentity(Exception):
    """The file is for other recipients, or is not an age file."""


class HybridIdentity:
    """A private key; raises ValueError for another text."""

    def __init__(self, text: str) -> None:
        seed = _bech32(text.lower())
        # The seed expansion of X-Wing.
        expanded = hashlib.shake_256(seed).digest(96)
        self._key = MLKEM768X25519PrivateKey(
            MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
            X25519PrivateKey.from_private_bytes(expanded[64:]),
        )
        self._suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)

    def decrypt(self, data: bytes) -> bytes:
        """Return the content of an age file, armored or not; raises :class:`NotForThisIdentity`."""
        try:
            header, mac, payload, stanzas = _split(_dearmored(data))
            for wrapped in stanzas:
                file_key = self._unwrapped(wrapped)
                if file_key is not None:
                    expected = hmac.digest(_derived(file_key, b"", b"header"), header, "sha256")
                    if hmac.compare_digest(expected, mac):
                        return _opened(file_key, payload)
        except (ValueError, InvalidTag):
            pass
        raise NotForThisIdentity

    def _unwrapped(self, wrapped: bytes) -> bytes | None:
        try:
            return self._suite.decrypt(wrapped, self._key, info=_LABEL)
        except (ValueError, InvalidTag):
            return None


def _derived(key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(key)


def _bech32(text: str) -> bytes:
    """Return the 32 bytes of a Bech32 text with the prefix of hybrid identities."""
    human, _, rest = text.rpartition("1")
    values = [_BECH32.index(char) for char in rest]
    check = 1
    for value in (*(ord(c) >> 5 for c in human), 0, *(ord(c) & 31 for c in human), *values):
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            check ^= generator if top >> bit & 1 else 0
    if human != _PREFIX or check != 1:
        raise ValueError("no hybrid identity")
    number = 0
    for value in values[:-6]:
        number = number << 5 | value
    padding = (len(values) - 6) * 5 - 256
    if not 0 <= padding < 5:
        raise ValueError("wrong length")
    return (number >> padding).to_bytes(32, "big")


def _dearmored(data: bytes) -> bytes:
    text = data.strip()
    begin, end = b"-----BEGIN AGE ENCRYPTED FILE-----", b"-----END AGE ENCRYPTED FILE-----"
    if not text.startswith(begin):
        return data
    if not text.endswith(end):
        raise ValueError("not closed")
    return base64.b64decode(b"".join(text[len(begin) : -len(end)].split()), validate=True)


def _unpadded(text: bytes) -> bytes:
    return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)


def _split(data: bytes) -> tuple[bytes, bytes, bytes, list[bytes]]:
    """Return the bytes that the MAC covers, the MAC, the payload, and the wrapped keys of hybrid recipients."""
    version, _, rest = data.partition(b"\n")
    end = rest.find(b"\n--- ")
    if version != b"age-encryption.org/v1" or end < 0:
        raise ValueError("no age file")
    mac, _, payload = rest[end + 5 :].partition(b"\n")
    header = data[: len(version) + 1 + end + 4]
    stanzas = []
    for stanza in (b"\n" + rest[:end]).split(b"\n-> ")[1:]:
        first, *body = stanza.split(b"\n")
        words = first.split(b" ")
        if words[0] == b"mlkem768x25519" and len(words) == 2:
            try:
                stanzas.append(_unpadded(words[1]) + _unpadded(b"".join(body)))
            except binascii.Error:
                raise ValueError("no age file") from None
    return header, _unpadded(mac), payload, stanzas


def _opened(file_key: bytes, payload: bytes) -> bytes:
    cipher = ChaCha20Poly1305(_derived(file_key, payload[:16], b"payload"))
    chunks = [payload[at : at + _CHUNK] for at in range(16, len(payload), _CHUNK)]
    return b"".join(
        cipher.decrypt(counter.to_bytes(11, "big") + bytes([counter == len(chunks) - 1]), chunk, None)
        for counter, chunk in enumerate(chunks)
    )
