"""The entry point of decryption: returns objects and files decrypted."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from headgate.api.labels import DECRYPT
from headgate.objects import Obj
from headgate.postbuild.errors import identity
from headgate.postbuild.masks import Masks
from headgate.postbuild.sops import dotenv_store, ini_store, json_store, yaml_scalar
from headgate.postbuild.sops.errors import Corrupt, DecryptionError, NotConfigured, NotSops
from headgate.postbuild.sops.formats import Format, Loaded, format_of_path, marked_format
from headgate.postbuild.sops.keys import DataKeySource, recover_data_key
from headgate.postbuild.sops.metadata import Metadata
from headgate.postbuild.sops.walk import Branch, Walk
from headgate.postbuild.sops.yaml_store import YamlText

__all__ = [
    "MAX_FILE_BYTES",
    "Decryptor",
    "OpenedKeys",
    "is_decryption_disabled",
    "is_encrypted",
    "is_secret",
    "require_plain",
]

MAX_FILE_BYTES = 5 * 1024 * 1024
"""Flux's limit for an encrypted file."""

_NO_LINES = str.maketrans("", "", "\r\n")
_LOADERS = {
    Format.JSON: json_store.load,
    Format.BINARY: json_store.load,
    Format.DOTENV: dotenv_store.load,
    Format.INI: ini_store.load,
}


def is_encrypted(obj: Mapping[str, Any]) -> bool:
    """Return whether the object is encrypted: it has SOPS metadata with a MAC."""
    section = obj.get("sops")
    return isinstance(section, Mapping) and bool(section.get("mac"))


def is_decryption_disabled(obj: Mapping[str, Any]) -> bool:
    """Return whether the object has the annotation ``kustomize.toolkit.fluxcd.io/decrypt: disabled``."""
    metadata = obj.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    value = annotations.get(DECRYPT) if isinstance(annotations, Mapping) else None
    return isinstance(value, str) and value.lower() == "disabled"


def is_secret(obj: Mapping[str, Any]) -> bool:
    """Return whether the object is a Kubernetes Secret."""
    return (obj.get("apiVersion"), obj.get("kind")) == ("v1", "Secret")


def require_plain(obj: Mapping[str, Any]) -> None:
    """Raise :class:`NotConfigured` for an encrypted Secret, which would apply ciphertext."""
    if is_secret(obj) and "sops" in obj and not is_decryption_disabled(obj):
        raise NotConfigured(
            f"{identity(obj)} is SOPS encrypted, configuring decryption is required for this secret "
            "to be reconciled"
        )


class OpenedKeys(Protocol):
    """A cache of data keys, by their encrypted forms in the metadata."""

    def get(self, names: tuple[str, ...]) -> bytes | None: ...

    def put(self, names: tuple[str, ...], key: bytes) -> None: ...


class _OfThisBuild:
    def __init__(self) -> None:
        self._keys: dict[tuple[str, ...], bytes] = {}
        self.get, self.put = self._keys.get, self._keys.__setitem__


class Decryptor:
    """Decrypts with the given sources of data keys.

    ``verify_mac`` verifies the MAC of whole files. The MAC of an object does not apply, because the build has changed
    the object on purpose, but each value has its own authentication. ``opened`` caches data keys beyond the lifetime of
    this decryptor. May block on key services; not thread-safe.
    """

    def __init__(
        self,
        sources: Sequence[DataKeySource],
        *,
        verify_mac: bool = True,
        opened: OpenedKeys | None = None,
    ) -> None:
        self._sources = sources
        self._verify = verify_mac
        self._opened: OpenedKeys = _OfThisBuild() if opened is None else opened
        self.masks = Masks()
        """All decrypted texts."""

    def decrypt_object(self, obj: Obj) -> Obj:
        """Return the object decrypted, or unchanged if nothing in it is encrypted.

        Decrypts all of an object with SOPS metadata; in another Secret, each ``data`` entry that is an encrypted file,
        with the format from the extension of its name. Raises :class:`DecryptionError` with object and field.
        """
        if is_decryption_disabled(obj):
            return obj
        try:
            if is_encrypted(obj):
                return self._decrypt_whole(obj)
            if obj.get("kind") == "Secret" and isinstance(obj.get("data"), dict):
                return self._decrypt_entries(obj)
        except DecryptionError as error:
            error.object = identity(obj)
            raise
        return obj

    def _decrypt_whole(self, obj: Obj) -> Obj:
        metadata = Metadata.parse(obj["sops"])
        walk = Walk(metadata, self._data_key(metadata), self.masks.add)
        return {name: walk.tree(item, (name,)) for name, item in obj.items() if name != "sops"}

    def _decrypt_entries(self, obj: Obj) -> Obj:
        plain: dict[str, str] = {}
        for name, value in obj["data"].items():
            try:
                # As in Go: ignores line breaks, which generators insert in long values.
                text = value.translate(_NO_LINES) if isinstance(value, str) else ""
                data = base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                continue
            found = marked_format(data)
            if found is not None:
                try:
                    content = self.decrypt(data, found, format_of_path(name))
                except DecryptionError as error:
                    error.field = f"data[{name!r}]" + (f": {error.field}" if error.field else "")
                    raise
                plain[name] = base64.b64encode(content).decode()
        return {**obj, "data": {**obj["data"], **plain}} if plain else obj

    def decrypt_file(self, data: bytes, path: str, as_format: Format | None = None) -> bytes:
        """Return a file decrypted; its format is ``as_format``, else that of its extension.

        Raises :class:`DecryptionError` with ``path`` as its file.
        """
        kind = as_format or format_of_path(path)
        try:
            if len(data) > MAX_FILE_BYTES:
                raise NotSops(f"is larger than {MAX_FILE_BYTES} bytes, which is too large to be decrypted")
            return self.decrypt(data, kind, kind)
        except DecryptionError as error:
            error.file = path
            raise

    def decrypt(self, data: bytes, source: Format, target: Format) -> bytes:
        """Return an encrypted text decrypted, in the target format."""
        try:
            return self._converted(data, source, target)
        except RecursionError:
            raise NotSops("is nested too deeply") from None

    def _converted(self, data: bytes, source: Format, target: Format) -> bytes:
        if source is Format.YAML:
            text = YamlText(data)
            if target is Format.YAML:
                walk = self._walk(text.section)
                result = text.decrypt(walk)
                self._check(walk)
                return result
            loaded = Loaded(text.branch(), text.section)
        else:
            loaded = _LOADERS[source](data)
        walk = self._walk(loaded.section)
        branch = walk.tree(loaded.branch)
        self._check(walk)
        return self._emit(branch, target)

    def _emit(self, branch: Branch, target: Format) -> bytes:
        match target:
            case Format.JSON:
                return json_store.emit(branch)
            case Format.BINARY:
                return json_store.emit_binary(branch)
            case Format.DOTENV:
                return dotenv_store.emit(branch)
            case Format.INI:
                return ini_store.emit(branch)
            case Format.YAML:
                return yaml_scalar.emit(branch)

    def _walk(self, section: Any) -> Walk:
        metadata = Metadata.parse(section)
        return Walk(metadata, self._data_key(metadata), self.masks.add)

    def _check(self, walk: Walk) -> None:
        if self._verify:
            try:
                walk.verify()
            except Corrupt as error:
                error.field = None
                raise

    def _data_key(self, metadata: Metadata) -> bytes:
        names = tuple(key.enc for group in metadata.groups for key in group)
        key = self._opened.get(names)
        if key is None:
            key = recover_data_key(metadata, self._sources)
            self._opened.put(names, key)
        return key
