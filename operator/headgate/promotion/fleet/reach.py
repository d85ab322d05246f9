"""What the build of a directory can read, found without building: an over-approximation.

Whatever a kustomization file may name is a text in it. So every text of every kustomization file that a build may
read is followed as if it were a path, and nothing needs to be known of fields. Where that is not enough, because
plugins or replacements may compute names, the reach is unknown, and the caller must build.

A property test compares it with what builds record (:class:`headgate.documents.tree.RecordingTree`).
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from headgate.documents.errors import BuildError
from headgate.documents.tree import EntryKind, Tree
from headgate.documents.yaml import Dialect, load_documents
from headgate.names import KUSTOMIZATION_FILES
from headgate.reconcile.kustomization.build.builds import build_directory

__all__ = ["Paths", "Reach", "Reaches"]

MAX_DIRECTORIES = 5_000
MAX_PATH = 4096
MAX_TEXTS = 100_000
"""Limit for the texts of one kustomization file."""

_COMPUTED = frozenset({"configurations", "generators", "replacements", "transformers", "validators", "vars"})
"""Fields whose files may name further ones, or compute what an object is."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a build can read."""

    files: frozenset[str]
    """Paths, whether or not a file is there now."""
    folders: frozenset[str]
    """Directories of which every file counts."""

    def meets(self, paths: Paths) -> bool:
        """Return whether a change of any of these paths can change the build."""
        return not (self.files.isdisjoint(paths.with_parents) and self.folders.isdisjoint(paths.with_parents))

    def goes_below(self, path: str) -> bool:
        """Return whether the build can read this path, as a file or a directory, or anything below it."""
        below = f"{path}/"
        above = Paths([path]).with_parents
        return (
            not self.folders.isdisjoint(above)
            or not self.files.isdisjoint(above)
            or any(each.startswith(below) for each in (*self.files, *self.folders))
        )


class Paths:
    """Paths of files, and of every directory above them."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.files = frozenset(paths)
        found = set(self.files)
        for path in self.files:
            # A file may become a directory, or the other way around.
            while path and (path := path.rpartition("/")[0]) not in found:
                found.add(path)
        self.with_parents = frozenset(found)
        self.names = frozenset(path.rpartition("/")[2] for path in self.files)


@dataclass(frozen=True, slots=True)
class _Directory:
    files: frozenset[str]
    directories: frozenset[str]
    whole: bool
    unknown: bool


class Reaches:
    """Finds the reach of builds of one tree; keeps what it knows of each directory."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._known: dict[str, _Directory] = {}

    def of(self, spec: Mapping[str, Any]) -> Reach | None:
        """Return the reach of a build by this spec of a Kustomization; None if it is not known."""
        root = build_directory(spec.get("path"))
        pending = [root]
        components = spec.get("components")
        if isinstance(components, list):
            pending += [self._joined(root, each) for each in components if isinstance(each, str)]
        files: set[str] = set()
        folders: set[str] = set()
        seen: set[str] = set()
        while pending:
            path = pending.pop()
            if path in seen:
                continue
            seen.add(path)
            if len(seen) > MAX_DIRECTORIES:
                return None
            if self._tree.kind(path) is not EntryKind.DIRECTORY:
                files.add(path)
                continue
            found = self._directory(path)
            if found.unknown:
                return None
            if found.whole:
                folders.add(path)
            files |= found.files
            pending.extend(found.directories)
        return Reach(frozenset(files), frozenset(folders))

    def _directory(self, path: str) -> _Directory:
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = self._look(path)
        return known

    def _look(self, path: str) -> _Directory:
        files = {posixpath.join(path, name) for name in KUSTOMIZATION_FILES}
        present = [file for file in sorted(files) if self._tree.kind(file) is EntryKind.FILE]
        if not present:
            below = frozenset(self._with_kustomization(path))
            return _Directory(frozenset(files), below, whole=True, unknown=len(below) > MAX_DIRECTORIES)
        directories: set[str] = set()
        for file in present:
            texts = self._texts(file)
            if texts is None:
                return _Directory(frozenset(files), frozenset(), whole=False, unknown=True)
            for text in texts:
                target = self._joined(path, text)
                if len(target) > MAX_PATH:
                    continue
                if self._tree.kind(target) is EntryKind.DIRECTORY:
                    directories.add(target)
                else:
                    files.add(target)
        directories.discard(path)
        return _Directory(frozenset(files), frozenset(directories), whole=False, unknown=False)

    def _with_kustomization(self, path: str) -> Iterator[str]:
        """The directories below one without a kustomization file that have one: a generated file names them."""
        pending, count = [path], 0
        while pending and count <= MAX_DIRECTORIES:
            folder = pending.pop()
            count += 1
            for name in self._tree.list(folder):
                below = posixpath.join(folder, name)
                if self._tree.kind(below) is EntryKind.DIRECTORY:
                    pending.append(below)
                elif name in KUSTOMIZATION_FILES and folder != path:
                    yield folder

    def _texts(self, file: str) -> Collection[str] | None:
        """Every text of a kustomization file that may be a path; None if the file may compute more."""
        try:
            documents = load_documents(self._tree.read(file), file=file, dialect=Dialect.CONFIG)
        except (BuildError, RecursionError):
            return None
        found: dict[str, None] = {}
        pending: list[Any] = [document.value for document in documents]
        for value in pending:
            if not isinstance(value, dict) or not _COMPUTED.isdisjoint(value):
                return None
        while pending:
            value = pending.pop()
            if isinstance(value, dict):
                pending.extend(value.values())
                pending.extend(value)
            elif isinstance(value, list):
                pending.extend(value)
            elif isinstance(value, str) and value:
                found[value] = None
                # Entries of generators: ``name=path``.
                name, equals, path = value.partition("=")
                if equals and "\n" not in name:
                    found[path] = None
            if len(found) > MAX_TEXTS:
                return None
        return found

    @staticmethod
    def _joined(directory: str, text: str) -> str:
        if "/" not in text and text not in ("", ".", ".."):
            return f"{directory}/{text}" if directory else text
        return posixpath.normpath(posixpath.join("/", directory, text)).lstrip("/")
