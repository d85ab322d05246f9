"""Decrypts the values of a text in order, and computes their MAC."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from typing import Any

from headgate.postbuild.sops.errors import Corrupt
from headgate.postbuild.sops.metadata import Metadata
from headgate.postbuild.sops.values import SopsComment, decrypt_value, is_encrypted, mac_bytes

__all__ = ["Branch", "Walk"]

_ONLY_ENCRYPTED = hashlib.sha256(b"sops").digest()
"""The initial bytes of a MAC that covers encrypted values only."""


class Branch(list[tuple[str, Any]]):
    """A mapping as a list of entries; a comment is an entry with a :class:`SopsComment` as key."""

    __slots__ = ()

    def first(self, name: str) -> Any:
        """Return the value of the first entry with this name, None without one."""
        return next((item for key, item in self if key == name and not isinstance(key, SopsComment)), None)


class Walk:
    """Decrypts the values of one text; call it in the order of the text.

    The path of a value has the mapping keys that lead to it; lists add nothing.
    """

    def __init__(
        self, metadata: Metadata, key: bytes, on_decrypted: Callable[[str], None] = lambda _: None
    ) -> None:
        """``on_decrypted`` receives each decrypted text."""
        self._metadata = metadata
        self._on_decrypted = on_decrypted
        self._key = key
        self._mac = hashlib.sha512(_ONLY_ENCRYPTED if metadata.mac_only_encrypted else b"")

    def leaf(self, value: Any, path: tuple[str, ...]) -> Any:
        """Return the plain value of a leaf; raises :class:`Corrupt` with the path as its field."""
        if value is None:
            return None
        rules = self._metadata.rules
        by_form = rules.by_comment
        encrypted = isinstance(value, str) and is_encrypted(value) if by_form else rules.encrypts(path)
        if encrypted:
            try:
                if not isinstance(value, str):
                    raise Corrupt("must be an encrypted value, but is not a string")
                value = decrypt_value(value, self._key, _place(path))
            except Corrupt as error:
                error.field = ".".join(path)
                raise
            if isinstance(value, str):
                self._on_decrypted(value)
        # SOPS encrypts a comment in a list as an item of the list, but the MAC omits comments.
        if not isinstance(value, SopsComment) and (encrypted or not self._metadata.mac_only_encrypted):
            self._mac.update(mac_bytes(value))
        return value

    def comment(self, text: str, places: Iterable[tuple[str, ...]]) -> str:
        """Return a comment's plain text; one that does not decrypt at any of the paths is plain already."""
        if is_encrypted(text):
            for path in places:
                try:
                    return str(decrypt_value(text, self._key, _place(path)))
                except Corrupt:
                    continue
        return text

    def tree(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        """Return a value of mappings and lists completely decrypted."""
        if isinstance(value, dict):
            return {name: self.tree(item, (*path, name)) for name, item in value.items()}
        if isinstance(value, Branch):
            return Branch(self._entry(name, item, path) for name, item in value)
        if isinstance(value, list):
            return [self.tree(item, path) for item in value]
        return (
            SopsComment(self.comment(value, (path,)))
            if isinstance(value, SopsComment)
            else self.leaf(value, path)
        )

    def _entry(self, name: str, item: Any, path: tuple[str, ...]) -> tuple[str, Any]:
        if isinstance(name, SopsComment):
            return SopsComment(self.comment(name, (path,))), None
        return name, self.tree(item, (*path, name))

    def verify(self) -> None:
        """Verify the MAC after all values; raises :class:`Corrupt`."""
        if not self._metadata.mac:
            raise Corrupt("the sops metadata has no MAC")
        try:
            expected = decrypt_value(self._metadata.mac, self._key, self._metadata.last_modified)
        except Corrupt as error:
            raise Corrupt(f"the MAC {error.message}") from None
        if not hmac.compare_digest(str(expected).upper().encode(), self._mac.hexdigest().upper().encode()):
            raise Corrupt(
                "the MAC does not match: values were added, removed, reordered or changed since the encryption"
            )


def _place(path: tuple[str, ...]) -> str:
    return ":".join(path) + ":"
