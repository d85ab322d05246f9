"""Access to files for one kustomization file: relative to its directory, within its restrictions.

A :class:`Loader` represents one directory. ``load`` reads files for it (resources, patches, generator sources) and
``enter`` opens the directory of a base or component. It refuses cycles and, inside a fetched repository, any path that
leads out of it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, field

from headgate.documents.budget import Budget
from headgate.documents.contentcache import ContentCache
from headgate.documents.errors import FileMissing, LimitExceeded, PathOutside, TreeError
from headgate.documents.tree import EntryKind, Tree, left_out, resolve
from headgate.documents.yaml import LFS_POINTER
from headgate.kustomize.errors import CycleError, KustomizationError, NoKustomization, Refused
from headgate.kustomize.giturl import GitUrl, is_http, parse_git_url
from headgate.kustomize.options import BuildOptions, RemoteFetcher


@dataclass(slots=True)
class _Read:
    """What the build has read so far, for its limits."""

    bytes_read: int = 0
    kustomizations: int = 0
    pointers: dict[str, None] = field(default_factory=dict)
    """Files read so far that are pointers of Git LFS."""


class Loader:
    """Reads files relative to ``root``, a directory of ``tree``; ``budget`` and ``cache`` are those of the build."""

    __slots__ = ("_options", "_read", "_restricted", "budget", "cache", "parent", "remote", "root", "tree")

    def __init__(
        self, tree: Tree, root: str, options: BuildOptions, budget: Budget, cache: ContentCache
    ) -> None:
        self.tree = tree
        self.root = root
        self.parent: Loader | None = None
        self.remote: GitUrl | None = None
        self._options = options
        self._restricted = options.load_restrictor == "root-only"
        self.budget = budget
        self.cache = cache
        self._read = _Read()

    def at(self, path: str) -> str:
        """Return the tree path for a relative ``path``; raises PathOutside when it leaves the tree."""
        if path and "/" not in path and path[0] != ".":
            # Most paths name a file in this directory.
            return f"{self.root}/{path}" if self.root else path
        joined = path if path.startswith("/") else f"{self.root}/{path}" if self.root else path
        clean = posixpath.normpath(joined).lstrip("/")
        if clean == "." or not clean:
            return ""
        if clean == ".." or clean.startswith("../"):
            raise PathOutside("the path leads out of the tree", file=path)
        return clean

    def name_of(self, path: str) -> str:
        """Return the name in messages for what ``load`` reads: the tree path, or the URL without credentials."""
        return _without_credentials(path) if is_http(path) else self.at(path)

    def locate(self, path: str) -> str:
        """Return the tree path of a file that this kustomization file may read.

        Raises PathOutside when files are restricted to the directory, and the path, with links resolved, is not in or
        below it.
        """
        place = self.at(path)
        if not self._restricted:
            return place
        real = resolve(self.tree, place)
        if not _within(real, self.root):
            raise PathOutside(
                f"is not in or below {self.root or '.'!r}, the directory of the kustomization that refers to it "
                "(the load restriction forbids this)",
                file=place,
            )
        return real

    def load(self, path: str) -> bytes:
        """Read a file, local or (if allowed) over HTTP; raises TreeError or Refused."""
        if is_http(path):
            return self._load_http(path)
        return self.read(self.locate(path))

    def read(self, place: str) -> bytes:
        """Read a file by its tree path."""
        try:
            content = self.tree.read(place)
        except FileMissing as error:
            error.message += left_out(self.tree, place)
            raise
        self.count(len(content))
        if content.startswith(LFS_POINTER):
            self._read.pointers[place] = None
        return content

    @property
    def pointers(self) -> Iterable[str]:
        """The files read in this build that are pointers of Git LFS."""
        return self._read.pointers

    def count(self, size: int) -> None:
        """Charge ``size`` bytes to the build; raises LimitExceeded."""
        self._read.bytes_read += size
        if self._read.bytes_read > self._options.limits.bytes_read:
            raise LimitExceeded(f"the build reads more than {self._options.limits.bytes_read} bytes")

    def _load_http(self, url: str) -> bytes:
        content = self._fetcher(url).file(url)
        if content is None:
            raise FileMissing("is not the URL of a file", file=self.name_of(url))
        self.count(len(content))
        return content

    def kind(self, path: str) -> EntryKind:
        """Return what exists at a path; forbidden paths count as missing."""
        try:
            return self.tree.kind(self.at(path))
        except PathOutside:
            return EntryKind.MISSING

    def enter(self, path: str) -> Loader:
        """Return the loader of the directory or remote base at ``path``.

        Raises CycleError, KustomizationError, PathOutside, Refused or FileMissing.
        """
        if not path:
            raise KustomizationError("the path of a base is empty")
        url = parse_git_url(path)
        if url is not None:
            return self._enter_remote(url)
        if path.startswith("/"):
            raise KustomizationError(f"the path of a base must be relative: {path!r}")
        if any(".." in part and part != ".." for part in path.split("/")):
            raise KustomizationError(
                f"the path {path!r} is ambiguous: a segment holds '..' among other characters; "
                "look for wrong indentation in the kustomization file"
            )
        place = self.at(path)
        kind = self.tree.kind(place)
        if kind is EntryKind.FILE:
            raise NoKustomization("is a file; the directory of a kustomization file is needed", file=place)
        if kind is EntryKind.MISSING:
            raise FileMissing("no such file or directory" + left_out(self.tree, place), file=place)
        root = resolve(self.tree, place)
        self._refuse_cycle(root)
        return self._child(self.tree, root)

    def _child(self, tree: Tree, root: str) -> Loader:
        child = Loader(tree, root, self._options, self.budget, self.cache)
        child.parent, child._read, child._restricted = self, self._read, self._restricted
        return child

    def _refuse_cycle(self, root: str) -> None:
        roots: list[str] = []
        loader: Loader | None = self
        while loader is not None and loader.tree is self.tree:
            roots.append(loader.root)
            loader = loader.parent
        if not any(_within(place, root) for place in roots):
            return
        # The shortest cycle starts at the directory itself; a directory above one on the way counts as a cycle, too.
        end = roots.index(root) if root in roots else _first(roots, root)
        circle = tuple(place or "." for place in (*reversed(roots[: end + 1]), root))
        raise CycleError(f"the kustomization files form a cycle: {' -> '.join(circle)}", path=circle)

    def _enter_remote(self, url: GitUrl) -> Loader:
        loader: Loader | None = self
        trail = [url.raw]
        while loader is not None:
            if loader.remote is not None:
                trail.append(loader.remote.raw)
                if loader.remote.raw.startswith(url.raw):
                    circle = tuple(reversed(trail))
                    raise CycleError(f"the remote bases form a cycle: {' -> '.join(circle)}", path=circle)
            loader = loader.parent
        tree = self._fetcher(url.raw).repository(url)
        root = self._child(tree, "").at(url.path)
        if tree.kind(root) is not EntryKind.DIRECTORY:
            raise FileMissing(f"no such directory in {url.repository}", file=url.path or ".")
        child = self._child(tree, resolve(tree, root))
        # Remote bases never read outside their directory, whatever the build's own restriction is.
        child._restricted = True
        child.remote = url
        return child

    def _fetcher(self, what: str) -> RemoteFetcher:
        fetcher = self._options.allow_remote
        if fetcher is None:
            raise Refused(
                f"the remote base {_without_credentials(what)!r} is refused: remote bases are not allowed here"
            )
        return fetcher

    def enter_kustomization(self, depth: int) -> None:
        """Charge one more kustomization to the build; raises LimitExceeded."""
        limits = self._options.limits
        self._read.kustomizations += 1
        if self._read.kustomizations > limits.kustomizations:
            raise LimitExceeded(f"the build has more than {limits.kustomizations} kustomizations")
        if depth > limits.depth:
            raise LimitExceeded(f"bases nest deeper than {limits.depth} levels")

    def exists(self, path: str) -> bool:
        """Return whether a file at the path exists and may be read."""
        try:
            place = self.at(path)
            if self.tree.kind(place) is not EntryKind.FILE:
                return False
            real = self.locate(path)
            return real == place or self.tree.kind(real) is EntryKind.FILE
        except TreeError:
            return False


def _first(places: list[str], root: str) -> int:
    return next(index for index, place in enumerate(places) if _within(place, root))


def _within(path: str, root: str) -> bool:
    return not root or path == root or path.startswith(root + "/")


def _without_credentials(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    host, slash, path = rest.partition("/")
    return scheme + separator + host.rpartition("@")[2] + slash + path
