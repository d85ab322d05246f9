"""What trees of a repository have in common: a count of users and listings of directories.

``SharedTree`` counts the users of a tree. ``ListedTree`` answers everything about a tree of known files except their
content: :class:`~headgate.git.tree.commit.GitTree` is one commit, :class:`~headgate.git.tree.compose.ComposedTree`
several trees as one.
"""

from __future__ import annotations

import posixpath
import threading
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from headgate.documents.errors import FileMissing, NotAFile, TreeError
from headgate.documents.tree import EntryKind, listing_id
from headgate.git.errors import StorageFailed

__all__ = ["ListedTree", "Listing", "SharedTree", "TreeEntry", "clean_path"]

DIRECTORY = -1
"""The number of every directory, in place of a file number."""
_NOTHING: tuple[int, tuple[str, ...]] = (0, ())


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One entry of an artifact: a directory, or a file with its size in bytes."""

    path: str
    is_directory: bool = False
    is_executable: bool = False
    size: int = 0


class SharedTree:
    """Counts the users of a tree, which releases its resources when the last one closes it. Thread-safe."""

    def __init__(self) -> None:
        self._users = 1
        self._users_lock = threading.Lock()

    def share(self) -> Self:
        """Return the tree for an additional user, who must close it too."""
        with self._users_lock:
            if not self._users:
                raise StorageFailed("the tree has been closed")
            self._users += 1
        return self

    def close(self) -> None:
        """End one use; an additional ``close`` is harmless."""
        with self._users_lock:
            last = self._users == 1
            self._users = max(0, self._users - 1)
        if last:
            self._release()

    def _release(self) -> None:
        raise NotImplementedError


class ListedTree(SharedTree):
    """A tree whose files and directories are known when it is created.

    Each file has a number, under which subclasses keep its other properties. The tree stores names by directory,
    without the paths of files, so that a hundred thousand files need little memory.
    """

    depth = 0
    """The depth of nested trees."""

    def __init__(self) -> None:
        super().__init__()
        self._directories: dict[str, tuple[int, tuple[str, ...]]] = {"": (0, ())}
        """The names in each directory, and the offset of their numbers in ``_numbers``; the root "" always exists."""
        self._numbers = array("i")
        self._hidden: set[str] = set()
        """Directories that the ignore rules name: not entries of an artifact, even if a file below is one."""
        self._listing_ids: dict[str, str] = {}

    @property
    def weight(self) -> int:
        """The number of files and directories: a measure of its memory."""
        return len(self._numbers)

    def _file_id(self, path: str, number: int) -> str:
        """The blob id of an existing file."""
        raise NotImplementedError

    def _entry(self, path: str, number: int) -> TreeEntry:
        """The entry of a file."""
        raise NotImplementedError

    def _number(self, path: str) -> int:
        """The number of the file at a path, negative when there is none."""
        parent, _, name = path.rpartition("/")
        first, names = self._directories.get(parent, _NOTHING)
        at = bisect_left(names, name)
        return self._numbers[first + at] if at < len(names) and names[at] == name else DIRECTORY

    def kind(self, path: str) -> EntryKind:
        if self._number(path) >= 0:
            return EntryKind.FILE
        return EntryKind.DIRECTORY if path in self._directories else EntryKind.MISSING

    def list(self, path: str) -> Sequence[str]:
        found = self._directories.get(path)
        if found is not None:
            return found[1]
        if self._number(path) >= 0:
            raise NotAFile("is not a directory", file=path)
        raise FileMissing("no such directory", file=path)

    def content_id(self, path: str) -> str:
        number = self._number(path)
        if number >= 0:
            return self._file_id(path, number)
        found = self._directories.get(path)
        if found is None:
            return ""
        known = self._listing_ids.get(path)
        if known is None:
            known = self._listing_ids[path] = listing_id(found[1])
        return known

    def entries(self) -> Iterator[TreeEntry]:
        """Yield every visible directory and file, each directory before what it holds, names in order.

        The root is the first, with the path "".
        """
        pending = [("", DIRECTORY)]
        while pending:
            path, number = pending.pop()
            if number >= 0:
                yield self._entry(path, number)
                continue
            if path not in self._hidden:
                yield TreeEntry(path, is_directory=True)
            prefix = f"{path}/" if path else ""
            first, names = self._directories[path]
            pending.extend(
                (prefix + names[at], self._numbers[first + at]) for at in reversed(range(len(names)))
            )

    def _no_file(self, path: str) -> TreeError:
        """The error to raise when a path to read is not a file."""
        if path in self._directories:
            return NotAFile("is a directory, not a file", file=path or ".")
        return FileMissing("no such file", file=path or ".")


class Listing:
    """Collects files and directories, in any order, for a :class:`ListedTree`."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, int]] = {"": {}}
        self._names: dict[str, str] = {}

    def __contains__(self, directory: str) -> bool:
        return directory in self._found

    def __len__(self) -> int:
        """The number of directories."""
        return len(self._found)

    def number(self, path: str) -> int:
        """The number of the file at a path, negative when there is none."""
        parent, _, name = path.rpartition("/")
        return self._found.get(parent, {}).get(name, DIRECTORY)

    def add_file(self, path: str, number: int) -> None:
        """Add a file to its directory, and that directory to its parent, up to the root."""
        self._enter(path, number)

    def add_directory(self, path: str) -> None:
        """Add a directory in the same way."""
        self._found.setdefault(path, {})
        self._enter(path, DIRECTORY)

    def put_into(self, tree: ListedTree) -> None:
        """Move the collected entries into the tree."""
        for path, found in self._found.items():
            names = tuple(sorted(found))
            tree._directories[path] = (len(tree._numbers), names)
            tree._numbers.extend(found[name] for name in names)

    def _enter(self, path: str, number: int) -> None:
        while path:
            parent, _, name = path.rpartition("/")
            found = self._found.get(parent)
            if found is not None and name in found:
                if number >= 0:
                    found[name] = number
                return
            # Many directories often have the same name in them.
            name = self._names.setdefault(name, name)
            if found is not None:
                found[name] = number
                return
            self._found[parent] = {name: number}
            path, number = parent, DIRECTORY


def clean_path(path: str) -> str:
    """Return a path of a spec relative to the root, which it cannot leave; the root is "".

    >>> clean_path("./charts/../apps/"), clean_path("../../etc"), clean_path(".")
    ('apps', 'etc', '')
    """
    return posixpath.normpath("/" + path).lstrip("/")
