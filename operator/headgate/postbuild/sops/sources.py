"""Encrypted files that a build reads: sources of secret generators, and patches.

``DecryptingTree`` wraps the tree of a build and returns these files decrypted. It writes nothing; a read decrypts the
file. The kustomization files, found from the build's directory through resources and components, determine which files
may be encrypted.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.documents.errors import BuildError
from headgate.documents.tree import EntryKind, Tree, resolve, why_left_out
from headgate.documents.yaml import Dialect, first_value
from headgate.names import KUSTOMIZATION_FILES
from headgate.postbuild.sops.decryptor import Decryptor
from headgate.postbuild.sops.formats import Format, format_of_path, is_marked

__all__ = ["DecryptingTree", "EncryptedSource", "encrypted_sources"]


@dataclass(frozen=True, slots=True)
class EncryptedSource:
    """A file that may be encrypted."""

    format: Format
    """The expected format."""
    is_patch: bool = False
    """Whether it is a patch, whose content may reach any object; that of a generator's source reaches Secrets only."""


def encrypted_sources(tree: Tree, path: str) -> dict[str, EncryptedSource]:
    """Return the files that may be encrypted.

    Ignores unreadable files: the build reports them.
    """
    found: dict[str, EncryptedSource] = {}
    seen: set[str] = set()
    waiting = [_inside("", path)]
    while waiting:
        directory = waiting.pop()
        if directory is None or directory in seen:
            continue
        seen.add(directory)
        kustomization = _kustomization(tree, directory)
        for name, source in _named(kustomization):
            file = _inside(directory, name)
            if file is not None:
                found.setdefault(file, source)
                # Other paths to the file also return it decrypted.
                found.setdefault(_resolved(tree, file), source)
        for field in ("resources", "components"):
            waiting.extend(_inside(directory, name) for name in _strings(kustomization.get(field)))
    return found


def _resolved(tree: Tree, path: str) -> str:
    try:
        return resolve(tree, path)
    except BuildError:
        return path


def _inside(directory: str, path: str) -> str | None:
    """Join the paths, from the root if absolute; None for a path outside the tree."""
    joined = path.lstrip("/") if path.startswith("/") else posixpath.join(directory, path)
    normal = posixpath.normpath(joined) if joined else ""
    if normal == ".":
        return ""
    return None if normal == ".." or normal.startswith("../") else normal


def _kustomization(tree: Tree, directory: str) -> Mapping[str, Any]:
    for name in KUSTOMIZATION_FILES:
        file = f"{directory}/{name}" if directory else name
        try:
            if tree.kind(file) is EntryKind.FILE:
                value = first_value(tree.read(file), file=file, dialect=Dialect.RESOURCE)
                return value if isinstance(value, Mapping) else {}
        except BuildError:
            return {}
    return {}


def _named(kustomization: Mapping[str, Any]) -> Iterator[tuple[str, EncryptedSource]]:
    for generator in _mappings(kustomization.get("secretGenerator")):
        for source in _strings(generator.get("files")):
            key, equals, file = source.partition("=")
            yield file if equals else key, EncryptedSource(format_of_path(key))
        for source in (*_strings(generator.get("envs")), *_strings([generator.get("env")])):
            kind = format_of_path(source)
            yield source, EncryptedSource(Format.DOTENV if kind is Format.BINARY else kind)
    for patch in _mappings(kustomization.get("patches")):
        path = patch.get("path")
        if isinstance(path, str) and path and "://" not in path:
            yield path, EncryptedSource(format_of_path(path), is_patch=True)


def _strings(value: Any) -> Iterator[str]:
    return (item for item in value if isinstance(item, str)) if isinstance(value, list) else iter(())


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    return (item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else iter(())


class DecryptingTree:
    """A tree that returns encrypted files decrypted; it must not outlive the build.

    Wrap it around the tree that records the inputs of a build, so that the inputs have encrypted contents. Reading a
    file raises :class:`DecryptionError` if it cannot be decrypted.
    """

    def __init__(self, base: Tree, decryptor: Decryptor, sources: Mapping[str, EncryptedSource]) -> None:
        self._base = base
        self._decryptor = decryptor
        self._sources = sources
        self._plain: dict[str, bytes] = {}

    @property
    def decrypted(self) -> Mapping[str, EncryptedSource]:
        """The encrypted files that were read so far."""
        return {path: self._sources[path] for path in self._plain}

    def resolve(self, path: str) -> str:
        return path if path in self._sources else resolve(self._base, path)

    def left_out(self, path: str) -> str:
        return why_left_out(self._base, path)

    def kind(self, path: str) -> EntryKind:
        return self._base.kind(path)

    def list(self, path: str) -> Sequence[str]:
        return self._base.list(path)

    def read(self, path: str) -> bytes:
        if path in self._plain:
            return self._plain[path]
        data = self._base.read(path)
        source = self._sources.get(path)
        if source is None or not is_marked(data, source.format):
            return data
        plain = self._plain[path] = self._decryptor.decrypt_file(data, path, source.format)
        return plain

    def content_id(self, path: str) -> str:
        # Caches use content ids as keys, so a decrypted file must not have the id of the encrypted one.
        if path in self._sources and self._base.kind(path) is EntryKind.FILE:
            content = self.read(path)
            if path in self._plain:
                return hashlib.sha256(b"decrypted\0" + content).hexdigest()
        return self._base.content_id(path)
