"""Single values: ``ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`` to a typed value, and values to MAC bytes.

Each value is bound to its position: the keys that lead to it are authenticated with it. Source of the format:
"Encryption Protocol" in SOPS' README, and files that SOPS wrote.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from headgate.documents.yaml.numbers import go_fixed
from headgate.postbuild.sops.errors import Corrupt

__all__ = ["SopsComment", "Time", "decrypt_value", "is_encrypted", "mac_bytes"]

# Base64 has no comma, so each part matches without backtracking, however long the text is.
_VALUE = re.compile(r"ENC\[AES256_GCM,data:([^,\n]+),iv:([^,\n]+),tag:([^,\n]+),type:([^,\n]+)\]")
_INT = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))


class SopsComment(str):
    """A comment, without its comment sign."""

    __slots__ = ()


class Time(str):
    """A time in RFC 3339, which YAML writes without quotes."""

    __slots__ = ()


def is_encrypted(text: str) -> bool:
    """Return whether the text has the form of an encrypted value."""
    return text.startswith("ENC[") and _VALUE.match(text) is not None


def decrypt_value(text: str, key: bytes, place: str) -> Any:
    """Return the value: str, int, float, bool or :class:`SopsComment`; an empty text is an empty string.

    ``key`` is the data key (32 bytes), ``place`` the keys that lead to the value, each followed by ``:``.
    Raises :class:`Corrupt`.
    """
    if not text:
        return ""
    # Here, because most builds decrypt nothing.
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    match = _VALUE.match(text)
    if match is None:
        raise Corrupt("must be an encrypted value, but is not in SOPS's format")
    try:
        data, iv, tag = (base64.b64decode(match[part], validate=True) for part in (1, 2, 3))
        plain = AESGCM(key).decrypt(iv, data + tag, place.encode("utf-8", "surrogateescape"))
    except binascii.Error:
        raise Corrupt("is not in SOPS's format: it is not base64") from None
    except InvalidTag:
        raise Corrupt("was changed or moved since it was encrypted, or encrypted with another key") from None
    except ValueError:
        raise Corrupt("is not in SOPS's format: its parts have the wrong size") from None
    return _typed(plain.decode("utf-8", "surrogateescape"), match[4])


def _typed(text: str, kind: str) -> Any:
    if kind in ("str", "bytes"):
        return text
    if kind == "time":
        return Time(text)
    if kind == "comment":
        return SopsComment(text)
    if kind == "int" and _INT.fullmatch(text):
        return int(text)
    if kind == "bool" and text in _TRUE | _FALSE:
        return text in _TRUE
    if kind == "float":
        try:
            return float(text)
        except ValueError:
            pass
    raise Corrupt(f"does not have a value of the type that it names ({kind})")


def mac_bytes(value: Any) -> bytes:
    """Return the bytes of a value for the MAC. ``value`` is str, int, float or bool."""
    if value is True:
        return b"True"
    if value is False:
        return b"False"
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, int):
        return str(int(value)).encode()
    return go_fixed(float(value)).encode()
