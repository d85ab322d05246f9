"""Files as SOPS encrypts them, made while a test runs, for keys and values that the test chooses; and files from SOPS.

The files from SOPS show that Headgate reads what SOPS writes; the others are for everything else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyrage
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Obj = dict[str, Any]
Wrap = Callable[[bytes], Obj]
"""Makes an entry of the metadata from a data key: the key encrypted, and for whom."""

_TESTS = Path(__file__).resolve().parents[1]
UNIT_DATA = _TESTS / "unit" / "postbuild" / "data" / "sops"
KEYS = {
    file.name: file.read_text()
    for file in sorted((UNIT_DATA / "keys").iterdir())
    if file.suffix in (".agekey", ".asc")
}
"""The keys that :data:`ENCRYPTED` is for, and others; entries of a decryption Secret."""
ENCRYPTED = _TESTS / "data" / "encrypted"


def encrypted_files() -> dict[str, str]:
    """A repository that SOPS encrypted, by path."""
    files = (file for file in sorted(ENCRYPTED.rglob("*")) if file.is_file() and file.suffix != ".md")
    return {str(file.relative_to(ENCRYPTED)): file.read_text() for file in files}


def age_key() -> tuple[str, Wrap]:
    """A new private key, and what encrypts for it."""
    identity = pyrage.x25519.Identity.generate()
    recipient = identity.to_public()

    def wrap(data_key: bytes) -> Obj:
        enc = pyrage.encrypt(data_key, [recipient], armored=True).decode()
        return {"age": [{"recipient": str(recipient), "enc": enc}]}

    return str(identity), wrap


def sealed(obj: Obj, wrap: Wrap, encrypted: tuple[str, ...] = ("data", "stringData")) -> Obj:
    """An object with all texts below some of its fields encrypted."""
    key, moment = os.urandom(32), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    mac = hashlib.sha512()
    for _, text in _texts(obj, ()):
        mac.update(text.encode())

    def seal(value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, Mapping):
            return {name: seal(item, (*path, name)) for name, item in value.items()}
        if isinstance(value, str) and set(path) & set(encrypted):
            return sealed_text(value, key, "".join(f"{name}:" for name in path))
        return value

    section = {
        **wrap(key),
        "lastmodified": moment,
        "mac": sealed_text(mac.hexdigest().upper(), key, moment),
        "encrypted_regex": f"^({'|'.join(encrypted)})$",
        "version": "3.13.3",
    }
    return {**seal(obj, ()), "sops": section}


def sealed_file(content: str, wrap: Wrap) -> str:
    """A file of any format, encrypted as SOPS does it with those it does not know."""
    return json.dumps(sealed({"data": content}, wrap, ("data",)), indent=1)


def sealed_secret(name: str, wrap: Wrap, /, **values: str) -> Obj:
    """An encrypted Secret."""
    plain = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}
    return sealed(plain, wrap)


def _texts(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(item, (*path, name))
    else:
        assert isinstance(value, str), "texts are enough for tests"
        yield path, value


def sealed_text(text: str, key: bytes, place: str, *, kind: str = "str") -> str:
    """One value, encrypted for a place: the keys that lead to it, each followed by a colon."""
    iv = os.urandom(32)
    sealed = AESGCM(key).encrypt(iv, text.encode(), place.encode())
    data, tag = sealed[:-16], sealed[-16:]
    parts = (base64.b64encode(each).decode() for each in (data, iv, tag))
    return "ENC[AES256_GCM,data:{},iv:{},tag:{},type:{}]".format(*parts, kind)
