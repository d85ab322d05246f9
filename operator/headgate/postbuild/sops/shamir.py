"""Combines a secret from Shamir's shares over GF(2^8), into which SOPS splits data keys for key groups.

A share is one byte for each byte of the secret, then the share's coordinate. The field is that of AES.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["combine"]

_POLYNOMIAL = 0x11B


def _multiply(a: int, b: int) -> int:
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a & 0x100:
            a ^= _POLYNOMIAL
        b >>= 1
    return product


def _inverse(a: int) -> int:
    """The order of every element except zero divides 255."""
    result = 1
    for _ in range(254):
        result = _multiply(result, a)
    return result


def combine(shares: Sequence[bytes]) -> bytes:
    """Return the secret; raises ValueError for shares that do not belong together.

    Requires as many shares as the threshold: fewer give a wrong secret.
    """
    if len(shares) < 2:
        raise ValueError("at least two shares are needed")
    if len({len(share) for share in shares}) > 1 or len(shares[0]) < 2:
        raise ValueError("the shares differ in length")
    coordinates = [share[-1] for share in shares]
    if len(set(coordinates)) < len(shares) or 0 in coordinates:
        raise ValueError("two shares are the same")
    weights = []
    for own in coordinates:
        weight = 1
        for other in coordinates:
            if other != own:
                weight = _multiply(weight, _multiply(other, _inverse(own ^ other)))
        weights.append(weight)
    secret = bytearray(len(shares[0]) - 1)
    for share, weight in zip(shares, weights, strict=True):
        for at, byte in enumerate(share[:-1]):
            secret[at] ^= _multiply(byte, weight)
    return bytes(secret)
