"""Trees of files: the engine's only view of a file system, an archive or a Git commit.

Paths are POSIX, relative to the tree's root and normalized; ``""`` is the root itself. A tree never leads out of its
root: it resolves or hides symbolic links.

    tree = OverlayTree(FolderTree(Path("repository")), {"apps/extra.yaml": b"..."})
    recording = RecordingTree(tree)
    objects = build(recording, "apps")
    recording.inputs.unchanged_in(newer_tree)  # True: another build would return the same objects

``RecordingTree`` makes builds content-addressed: it records which paths a build read, listed and found missing, so that
a later commit that changes none of them needs no build.
"""

from __future__ import annotations

import enum
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from headgate.documents.errors import FileMissing, NotAFile, PathOutside, TooLarge, TreeError

__all__ = [
    "EntryKind",
    "FolderTree",
    "Inputs",
    "MemoryTree",
    "OverlayTree",
    "RecordingTree",
    "Seen",
    "Tree",
    "blob_id",
    "left_out",
    "resolve",
    "why_left_out",
]

MAX_FILE_BYTES = 32 * 1024 * 1024


class EntryKind(enum.Enum):
    """What exists at a path of a tree."""

    FILE = "file"
    DIRECTORY = "directory"
    MISSING = "missing"


class Tree(Protocol):
    """Files under one root. Several threads may read from an implementation."""

    def kind(self, path: str) -> EntryKind:
        """Return what exists at the path; anything that is neither a file nor a directory is missing."""
        ...

    def read(self, path: str) -> bytes:
        """Return a file's content; raises FileMissing, NotAFile, TooLarge or another TreeError."""
        ...

    def list(self, path: str) -> Sequence[str]:
        """Return the names of a directory's direct entries, sorted; raises a :class:`TreeError`."""
        ...

    def content_id(self, path: str) -> str:
        """Return an id of a file's content or of a directory's listing; "" when the path is missing."""
        ...


def resolve(tree: Tree, path: str) -> str:
    """Return the path with symbolic links resolved; raises PathOutside when they lead out of the root.

    A tree that follows symbolic links, so that several paths can lead to one file, has a method ``resolve`` that does
    this; in any other tree the path stays the same.
    """
    method: Callable[[str], str] | None = getattr(tree, "resolve", None)
    return path if method is None else method(path)


def left_out(tree: Tree, path: str) -> str:
    """Return why nothing is at a path, or at a directory above it, if the tree knows: text to append to a message.

    A tree that hides files has a method ``left_out`` that takes a path and returns why it is hidden, or "".
    """
    place = path
    while place:
        why = why_left_out(tree, place)
        if why:
            return f": {place} {why}" if place != path else f": it {why}"
        place = place.rpartition("/")[0]
    return ""


def why_left_out(tree: object, path: str) -> str:
    """Return why the tree hides exactly this path; "" if it does not, or does not say."""
    method: Callable[[str], str] | None = getattr(tree, "left_out", None)
    return "" if method is None else method(path)


def blob_id(content: bytes, *, sha256: bool = False) -> str:
    """Return the id that Git gives a blob of this content, so that equal files have equal ids in every tree.

    ``sha256``: the id in a repository with SHA-256 ids.
    """
    algorithm = hashlib.sha256 if sha256 else hashlib.sha1
    return algorithm(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def listing_id(names: Sequence[str]) -> str:
    """Return an id of a directory's listing: it changes when an entry is added or removed."""
    return hashlib.sha1("\0".join(names).encode(), usedforsecurity=False).hexdigest()


def _missing(path: str) -> FileMissing:
    return FileMissing("no such file", file=path or ".")


def _not_a_file(path: str) -> NotAFile:
    return NotAFile("is a directory, not a file", file=path or ".")


def _too_large(path: str, limit: int) -> TooLarge:
    return TooLarge(f"is larger than {limit} bytes", file=path)


class MemoryTree:
    """A tree in memory: path to content (text is UTF-8); directories follow from the paths."""

    def __init__(self, files: Mapping[str, bytes | str]) -> None:
        self._files: dict[str, bytes] = {}
        self._ids: dict[str, str] = {}
        directories: dict[str, set[str]] = {"": set()}
        for raw, content in files.items():
            path = raw.strip("/")
            self._files[path] = content.encode() if isinstance(content, str) else content
            while path:
                parent, _, name = path.rpartition("/")
                directories.setdefault(parent, set()).add(name)
                path = parent
        self._directories = {path: tuple(sorted(names)) for path, names in directories.items()}

    def kind(self, path: str) -> EntryKind:
        if path in self._files:
            return EntryKind.FILE
        return EntryKind.DIRECTORY if path in self._directories else EntryKind.MISSING

    def read(self, path: str) -> bytes:
        try:
            return self._files[path]
        except KeyError:
            raise _not_a_file(path) if path in self._directories else _missing(path) from None

    def list(self, path: str) -> Sequence[str]:
        try:
            return self._directories[path]
        except KeyError:
            raise _missing(path) from None

    def content_id(self, path: str) -> str:
        known = self._ids.get(path)
        if known is None:
            if path in self._files:
                known = blob_id(self._files[path])
            elif path in self._directories:
                known = listing_id(self._directories[path])
            else:
                known = ""
            self._ids[path] = known
        return known


class FolderTree:
    """A folder on disk. Follows symbolic links that stay inside it and hides the others."""

    def __init__(self, root: Path, *, max_file_bytes: int = MAX_FILE_BYTES) -> None:
        self._root = os.path.realpath(root)
        self._prefix = self._root.rstrip("/") + "/"
        self._limit = max_file_bytes
        self._real_directories: dict[str, str] = {"": ""}
        # Computing the id of a file reads it, and most callers read it right after: keep the last content.
        self._last: tuple[str, bytes] | None = None
        # Likewise, callers ask for the kind of a path right before they resolve it: keep the last one without a link.
        self._no_link: str | None = None

    def resolve(self, path: str) -> str:
        parent, _, name = path.rpartition("/")
        directory = self._directory(parent)
        candidate = f"{directory}/{name}" if directory else name
        no_link, self._no_link = self._no_link, None
        if path == no_link:
            return candidate
        return self._real(candidate) if os.path.islink(self._prefix + candidate) else candidate

    def _directory(self, path: str) -> str:
        real = self._real_directories.get(path)
        if real is None:
            parent, _, name = path.rpartition("/")
            above = self._real_directories.get(parent)
            if above is None:
                real = self._real(path)
            else:
                # One system call instead of one for each directory in the path.
                real = f"{above}/{name}" if above else name
                if os.path.islink(self._prefix + real):
                    real = self._real(real)
            self._real_directories[path] = real
        return real

    def _real(self, path: str) -> str:
        real = os.path.realpath(self._prefix + path)
        if real == self._root:
            return ""
        if not real.startswith(self._prefix):
            raise PathOutside("is a symbolic link that leads out of the tree", file=path)
        return real[len(self._prefix) :]

    def kind(self, path: str) -> EntryKind:
        parent, _, name = path.rpartition("/")
        try:
            directory = self._directory(parent)
            mode = os.lstat(f"{self._prefix}{directory}/{name}").st_mode
            if stat.S_ISREG(mode):
                self._no_link = path
                return EntryKind.FILE
            if stat.S_ISLNK(mode):
                mode = os.stat(self._prefix + self.resolve(path)).st_mode
        except (OSError, PathOutside, ValueError):
            return EntryKind.MISSING
        if stat.S_ISREG(mode):
            return EntryKind.FILE
        return EntryKind.DIRECTORY if stat.S_ISDIR(mode) else EntryKind.MISSING

    def left_out(self, path: str) -> str:
        return (
            "is a symbolic link that leads out of the tree, or nowhere"
            if os.path.islink(self._prefix + path)
            else ""
        )

    def read(self, path: str) -> bytes:
        last, self._last = self._last, None
        if last is not None and last[0] == path:
            return last[1]
        try:
            descriptor = self._open(path)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            raise _missing(path) from None
        except OSError as error:
            raise TreeError(error.strerror or str(error), file=path) from None
        try:
            found = os.fstat(descriptor)
            mode, size = found.st_mode, min(found.st_size, self._limit)
            if stat.S_ISDIR(mode):
                raise _not_a_file(path)
            if not stat.S_ISREG(mode):
                raise _missing(path)
            content = os.read(descriptor, size + 1)
            if len(content) != size:
                # The size is wrong: the file has changed meanwhile, or belongs to a file system that reports none.
                with open(descriptor, "rb", closefd=False) as file:
                    content += file.read(self._limit + 1 - len(content))
        finally:
            os.close(descriptor)
        if len(content) > self._limit:
            raise _too_large(path, self._limit)
        return content

    def _open(self, path: str) -> int:
        # Non-blocking, so that a named pipe that replaces the file cannot block the build.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        parent, _, name = path.rpartition("/")
        try:
            # Most files are not links, and this open detects a link without another system call.
            return os.open(f"{self._prefix}{self._directory(parent)}/{name}", flags | os.O_NOFOLLOW)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
        return os.open(self._prefix + self.resolve(path), flags)

    def list(self, path: str) -> Sequence[str]:
        try:
            return sorted(os.listdir(self._prefix + self.resolve(path)))
        except OSError as error:
            raise TreeError(error.strerror or str(error), file=path or ".") from None

    def content_id(self, path: str) -> str:
        try:
            content = self.read(path)
        except NotAFile:
            return listing_id(self.list(path))
        except (FileMissing, PathOutside):
            return ""
        except TreeError:
            # For example a link to itself, which counts as missing, too.
            if self.kind(path) is EntryKind.MISSING:
                return ""
            raise
        self._last = (path, content)
        return blob_id(content)


class OverlayTree:
    """A tree whose ``files`` (path to content) add to and replace those of ``base``."""

    def __init__(self, base: Tree, files: Mapping[str, bytes]) -> None:
        self._base = base
        self._top = MemoryTree(files)

    def resolve(self, path: str) -> str:
        return path if self._top.kind(path) is EntryKind.FILE else resolve(self._base, path)

    def left_out(self, path: str) -> str:
        return why_left_out(self._base, path)

    def kind(self, path: str) -> EntryKind:
        kind = self._top.kind(path)
        return self._base.kind(path) if kind is EntryKind.MISSING or not path else kind

    def read(self, path: str) -> bytes:
        owner = self._top if self._top.kind(path) is EntryKind.FILE else self._base
        return owner.read(path)

    def list(self, path: str) -> Sequence[str]:
        if self._top.kind(path) is not EntryKind.DIRECTORY:
            return self._base.list(path)
        below = self._base.list(path) if self._base.kind(path) is EntryKind.DIRECTORY else ()
        return sorted({*below, *self._top.list(path)})

    def content_id(self, path: str) -> str:
        kind = self._top.kind(path)
        if kind is EntryKind.FILE:
            return self._top.content_id(path)
        if kind is EntryKind.DIRECTORY:
            return listing_id(self.list(path))
        return self._base.content_id(path)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a build saw at a path: its kind and, if the build read or listed it, the id of its content.

    ``real`` is the resolved path if it led through a symbolic link.
    """

    kind: EntryKind
    content: str | None = None
    real: str | None = None


class Inputs(Mapping[str, Seen]):
    """Everything that a build depends on: path to what the build saw there. Immutable, comparable by value."""

    __slots__ = ("_seen",)

    def __init__(self, seen: Mapping[str, Seen]) -> None:
        self._seen = dict(seen)

    def __getitem__(self, path: str) -> Seen:
        return self._seen[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._seen)

    def __len__(self) -> int:
        return len(self._seen)

    def __repr__(self) -> str:
        return f"Inputs({len(self._seen)} paths)"

    def unchanged_in(self, tree: Tree) -> bool:
        """Return whether ``tree`` has the same content at every path, so that a build would read the same."""
        for path, seen in self._seen.items():
            if seen.real is not None and _real(tree, path) != seen.real:
                return False
            if seen.content is not None:
                # The ids of a file and of a directory always differ, so this one comparison covers the kind.
                if tree.content_id(path) != seen.content:
                    return False
            elif tree.kind(path) is not seen.kind:
                return False
        return True


def _real(tree: Tree, path: str) -> str | None:
    try:
        return resolve(tree, path)
    except PathOutside:
        return None


class RecordingTree:
    """A tree that passes all calls to ``base`` and records them; not for concurrent use by several threads."""

    def __init__(self, base: Tree) -> None:
        self._base = base
        self._seen: dict[str, Seen] = {}

    @property
    def inputs(self) -> Inputs:
        """What the tree has recorded so far."""
        return Inputs(self._seen)

    def resolve(self, path: str) -> str:
        real = resolve(self._base, path)
        if real != path:
            seen = self._seen.get(path) or Seen(self._base.kind(path))
            self._seen[path] = Seen(seen.kind, seen.content, real)
        return real

    def left_out(self, path: str) -> str:
        return why_left_out(self._base, path)

    def kind(self, path: str) -> EntryKind:
        kind = self._base.kind(path)
        self._seen.setdefault(path, Seen(kind))
        return kind

    def read(self, path: str) -> bytes:
        try:
            content = self._base.read(path)
        except TreeError:
            self.kind(path)
            raise
        seen = self._seen.get(path)
        if seen is None or seen.content is None:
            self._note(path, Seen(EntryKind.FILE, self._base.content_id(path)))
        return content

    def _note(self, path: str, seen: Seen) -> None:
        before = self._seen.get(path)
        self._seen[path] = seen if before is None else Seen(seen.kind, seen.content, before.real)

    def list(self, path: str) -> Sequence[str]:
        try:
            names = self._base.list(path)
        except TreeError:
            self.kind(path)
            raise
        self._note(path, Seen(EntryKind.DIRECTORY, self._base.content_id(path)))
        return names

    def content_id(self, path: str) -> str:
        content = self._base.content_id(path)
        if content:
            seen = self._seen.get(path)
            if seen is None or seen.content is None:
                self._note(path, Seen(self._base.kind(path), content))
        else:
            self._seen.setdefault(path, Seen(EntryKind.MISSING))
        return content
