"""What trees of a repository have in common: they are shared, and they know their directories' listings.

``SharedTree`` counts the users of a tree. ``ListedTree`` answers everything about a tree of known files but their
content: :class:`~headgate.git.tree.GitTree` is one commit, :class:`~headgate.git.compose.ComposedTree` several trees
put together.
"""

from __future__ import annotations

import posixpath
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from headgate.git.errors import StorageError
from headgate.kustomize.errors import FileMissing, NotAFile, TreeError
from headgate.kustomize.tree import EntryKind, listing_id

__all__ = ["Entry", "ListedTree", "SharedTree", "clean_path", "link"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an artifact: a directory, or a file with its size in bytes."""

    path: str
    is_directory: bool = False
    is_executable: bool = False
    size: int = 0


class SharedTree:
    """Counts who uses a tree, which lets go of its resources when the last one closes it. Thread-safe."""

    def __init__(self) -> None:
        self._users = 1
        self._users_lock = threading.Lock()

    def share(self) -> Self:
        """Return the tree for one more user, who closes it like the first."""
        with self._users_lock:
            if not self._users:
                raise StorageError("the tree has been closed")
            self._users += 1
        return self

    def close(self) -> None:
        """End one use; closing once more than it is used is harmless."""
        with self._users_lock:
            last = self._users == 1
            self._users = max(0, self._users - 1)
        if last:
            self._release()

    def _release(self) -> None:
        raise NotImplementedError


class ListedTree(SharedTree):
    """A tree whose files and directories are known from the start."""

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[str, tuple[str, ...]] = {}
        """The listing of each directory; the root is "" and always there."""
        self._hidden: set[str] = set()
        """Directories that the ignore rules name: no entry of an artifact, even when some file below is one."""
        self._listing_ids: dict[str, str] = {}

    def _has_file(self, path: str) -> bool:
        raise NotImplementedError

    def _file_id(self, path: str) -> str:
        """The blob id of a file that is there."""
        raise NotImplementedError

    def _entry(self, path: str) -> Entry | None:
        """The entry of a file, None for what is none."""
        raise NotImplementedError

    def kind(self, path: str) -> EntryKind:
        if self._has_file(path):
            return EntryKind.FILE
        return EntryKind.DIRECTORY if path in self._names else EntryKind.MISSING

    def list(self, path: str) -> Sequence[str]:
        names = self._names.get(path)
        if names is not None:
            return names
        if self._has_file(path):
            raise NotAFile("is not a directory", file=path)
        raise FileMissing("no such directory", file=path)

    def content_id(self, path: str) -> str:
        if self._has_file(path):
            return self._file_id(path)
        names = self._names.get(path)
        if names is None:
            return ""
        known = self._listing_ids.get(path)
        if known is None:
            known = self._listing_ids[path] = listing_id(names)
        return known

    def entries(self) -> Iterator[Entry]:
        """Yield every visible directory and file, each directory before what it holds, names in order.

        The root is the first, with the path "".
        """
        pending = [""]
        while pending:
            path = pending.pop()
            file = self._entry(path)
            if file is not None:
                yield file
                continue
            if path not in self._hidden:
                yield Entry(path, is_directory=True)
            prefix = f"{path}/" if path else ""
            pending.extend(prefix + name for name in reversed(self._names[path]))

    def _no_file(self, path: str) -> TreeError:
        """What to raise when a path that is no file is read."""
        if path in self._names:
            return NotAFile("is a directory, not a file", file=path or ".")
        return FileMissing("no such file", file=path or ".")


def clean_path(path: str) -> str:
    """Return a path of a spec as one below the root, which it cannot leave; the root is "".

    >>> clean_path("./charts/../apps/"), clean_path("../../etc"), clean_path(".")
    ('apps', 'etc', '')
    """
    return posixpath.normpath("/" + path).lstrip("/")


def link(path: str, children: dict[str, set[str]]) -> None:
    """Enter a path into its directory's listing, and that directory into its own, up to the root."""
    while path:
        parent, _, name = path.rpartition("/")
        known = children.get(parent)
        if known is not None and name in known:
            return
        if known is None:
            known = children[parent] = set()
        known.add(name)
        path = parent
