"""How far an environment is behind: the commits between what it runs and a branch, and which of them matter to it.

A commit matters if it changes a path that a build of the environment read, listed or missed. Commits that change
nothing else, such as one to a README, leave everything that runs as it is.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from headgate.documents.tree import EntryKind, Inputs
from headgate.promotion.clone import Clone

__all__ = ["Behind", "PathChange", "ReadPaths", "behind", "parse_log"]

MAX_COMMITS = 20_000
MAX_LOG = 256 << 20
"""Limit in bytes for the names of all files that the commits change."""
IGNORE_FILE = ".sourceignore"
_MARK = "\x01"


@dataclass(frozen=True, slots=True)
class Behind:
    """The commits that an environment lacks."""

    commits: int
    matter: int
    """How many of them change something that its builds read."""


@dataclass(frozen=True, slots=True)
class PathChange:
    """One file that a commit changes."""

    path: str
    modified: bool
    """Whether it existed before and exists afterwards, so that no listing of a directory changes."""


class ReadPaths:
    """Which paths builds have read. Pure."""

    def __init__(self, inputs: Iterable[Inputs], folders: Iterable[str] = ()) -> None:
        """``folders``: directories of which every file counts."""
        self._read: set[str] = set()
        self._listed: set[str] = set()
        plain = (posixpath.normpath(f"/{folder}").strip("/") for folder in folders)
        self._folders = tuple(f"{folder}/" if folder else "" for folder in plain)
        for each in inputs:
            for path, seen in each.items():
                self._read.add(path)
                if seen.real is not None:
                    self._read.add(seen.real)
                if seen.kind is EntryKind.DIRECTORY and seen.content is not None:
                    self._listed.add(path)

    def concerned(self, change: PathChange, existed: Callable[[str], bool]) -> bool:
        """Whether a build would read something else after the change; ``existed``: whether a directory did before."""
        path = change.path
        if path in self._read or path.startswith(self._folders) or path.rpartition("/")[2] == IGNORE_FILE:
            return True
        if change.modified:
            return False
        # A new or deleted file changes the listing of its directory, and of those above that come or go with it.
        while path:
            parent = path.rpartition("/")[0]
            if parent in self._listed or (path != change.path and path in self._read):
                return True
            if existed(parent):
                return False
            path = parent
        return False


def behind(clone: Clone, base: str, head: str, read: ReadPaths) -> Behind:
    """Count the commits of ``head``'s history that ``base``'s does not have.

    Raises :class:`HistoryMissing` in a clone that is too shallow, :class:`RevisionUnknown` for a commit that the clone
    does not have, :class:`CloneError`.
    """
    commits = clone.commits(clone.resolve(base), head, limit=MAX_COMMITS)
    if not commits:
        return Behind(0, 0)
    output = clone.git.read(
        *("log", "-z", "--format=%x01%H", "--name-status", "--no-renames", "--no-ext-diff", "-c"),
        *("--no-show-signature", "--end-of-options", head, f"^{base}"),
        max_output=MAX_LOG,
    )
    known: dict[tuple[str, str], bool] = {}
    matter = 0
    for commit, changes in parse_log(output):

        def existed(folder: str, commit: str = commit) -> bool:
            if not folder:
                return True
            key = (commit, folder)
            if key not in known:
                name = f"{commit}^:{folder}"
                known[key] = not clone.git.local("cat-file", "-e", name).status
            return known[key]

        matter += any(read.concerned(each, existed) for each in changes)
    return Behind(len(commits), matter)


def parse_log(output: bytes) -> Iterator[tuple[str, tuple[PathChange, ...]]]:
    """Yield commits and the files that they change from ``git log -z --format=%x01%H --name-status``."""
    commit, changes = "", list[PathChange]()
    fields = iter(output.decode("utf-8", "surrogateescape").split("\0"))
    for field in fields:
        if field.startswith(_MARK):
            if commit:
                yield commit, tuple(changes)
            commit, changes = field.removeprefix(_MARK), []
        elif status := field.strip("\n"):
            # A merge has one letter for each parent. A path may be any text, also one that looks like a commit.
            changes.append(PathChange(next(fields, ""), set(status) == {"M"}))
    if commit:
        yield commit, tuple(changes)
