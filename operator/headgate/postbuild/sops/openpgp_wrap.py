"""Puts one private component of an OpenPGP key into a separate certificate, in which it may encrypt.

This module creates the certificate's other parts, a primary key, a user id and two signatures, which never leave this
process. They prove nothing: any holder of the private component could create them. A component's id depends on its
public numbers alone, so Sequoia recognizes messages to it. Source: RFC 4880 and, for newer algorithms, RFC 9580.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = ["wrap"]

_PUBLIC_NUMBERS = {1: 2, 2: 2, 16: 3}
"""Counts of the public numbers of RSA and ElGamal."""
_POINT_SIZES = {25: 32, 26: 56}
"""Sizes of the public points of X25519 and X448."""
_ECDH = 18
_EDDSA = 22
_ED25519 = bytes.fromhex("092b06010401da470f01")
_USER = b"wrapped"
_CERTIFY, _ENCRYPT = 0x01, 0x0C
_SIGNER = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"headgate").digest())


def wrap(body: bytes) -> bytes | None:
    """Return a certificate for the body of a secret key packet; None if its algorithm cannot encrypt.

    Raises IndexError or ValueError for a body that is malformed or not of version 4.
    """
    size = _public_size(body)
    if size is None:
        return None
    # Everything has the creation time of the component: signatures that are older than it, or in the future, are
    # invalid.
    created = body[1:5]
    point = _SIGNER.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    primary = b"\x04" + created + bytes([_EDDSA]) + _ED25519 + _number(b"\x40" + point)
    hashed = _framed_key(primary)
    user = hashed + b"\xb4" + len(_USER).to_bytes(4, "big") + _USER
    subkey = hashed + _framed_key(body[:size])
    return b"".join(
        (
            _packet(6, primary),
            _packet(13, _USER),
            _packet(2, _signature(0x13, created, _CERTIFY, user)),
            _packet(7, body),
            _packet(2, _signature(0x18, created, _ENCRYPT, subkey)),
        )
    )


def _public_size(body: bytes) -> int | None:
    if body[0] != 4:
        raise ValueError("only keys of version 4 are supported")
    algorithm, at = body[5], 6
    if algorithm in _POINT_SIZES:
        return at + _POINT_SIZES[algorithm]
    if algorithm in _PUBLIC_NUMBERS:
        for _ in range(_PUBLIC_NUMBERS[algorithm]):
            at = _after_number(body, at)
        return at
    if algorithm == _ECDH:
        at = _after_number(body, at + 1 + body[at])
        return at + 1 + body[at]
    return None


def _after_number(body: bytes, at: int) -> int:
    return at + 2 + (int.from_bytes(body[at : at + 2], "big") + 7) // 8


def _number(data: bytes) -> bytes:
    value = int.from_bytes(data, "big")
    return value.bit_length().to_bytes(2, "big") + value.to_bytes((value.bit_length() + 7) // 8, "big")


def _framed_key(body: bytes) -> bytes:
    return b"\x99" + len(body).to_bytes(2, "big") + body


def _signature(kind: int, created: bytes, flags: int, signed: bytes) -> bytes:
    """The body of a signature by the primary key, of version 4, with SHA-256."""
    subpackets = b"\x05\x02" + created + bytes((2, 27, flags))
    head = bytes((4, kind, _EDDSA, 8)) + len(subpackets).to_bytes(2, "big") + subpackets
    digest = hashlib.sha256(signed + head + b"\x04\xff" + len(head).to_bytes(4, "big")).digest()
    made = _SIGNER.sign(digest)
    return head + b"\0\0" + digest[:2] + _number(made[:32]) + _number(made[32:])


def _packet(tag: int, body: bytes) -> bytes:
    return bytes((0xC0 | tag, 0xFF)) + len(body).to_bytes(4, "big") + body
