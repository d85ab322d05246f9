"""A commit of a bare repository as a tree of files, for the build engine and for artifacts.

``GitTree`` has the shape of ``headgate.documents.tree.Tree``. It lists the commit once, keeps the path, blob id and
size of each file, and reads contents on request. It omits what an artifact omits: symbolic links, submodules and
ignored files. A file's ``content_id`` is its blob id, so an unchanged file has the same id in any two commits.

The tree is untrusted: names that could lead out of a target folder are dropped, and its size is limited
(:mod:`headgate.git.limits`).

``sparse`` selects some directories, as if the rest had never been checked out: a ``.sourceignore`` outside them does
not count (``fluxcd/pkg``, ``git/gogit/clone.go``).
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from headgate.documents.errors import TooLarge, TreeError
from headgate.documents.tree import MAX_FILE_BYTES
from headgate.git.cache.blobs import BlobReader, stream
from headgate.git.command.process import run
from headgate.git.errors import CacheDamaged, IgnoreInvalid, SparsePathMissing, StorageFailed
from headgate.git.limits import DEFAULT_LIMITS, TreeLimits, check_path
from headgate.git.tree.ignore import IGNORE_FILE, MAX_BYTES, MAX_FILES, IgnoreRules
from headgate.git.tree.listed import ListedTree, Listing, TreeEntry, clean_path

__all__ = ["GitTree", "ObjectStore", "read_rules"]

MAX_LISTING = 512 * 1024 * 1024
LISTING_TIMEOUT = 300.0


_AT_ONCE = threading.BoundedSemaphore(3)
"""Held while a commit is listed, which needs several times the memory of the finished tree."""


class ObjectStore(Protocol):
    """What a tree needs of a repository: a clone cache, or the clone of a user."""

    @property
    def path(self) -> Path:
        """The Git directory that has the objects."""

    def pin(self, commit: str) -> None:
        """Keep the commit until ``unpin``."""

    def unpin(self, commit: str) -> None:
        """End one ``pin``."""

    def condemn(self) -> None:
        """Record that objects are missing or damaged."""


class GitTree(ListedTree):
    """The visible files of one commit. Thread-safe; ``close`` it when done."""

    def __init__(
        self,
        cache: ObjectStore,
        commit: str,
        *,
        ignore: str | None = None,
        sparse: Sequence[str] = (),
        filtered: bool = True,
        max_file_bytes: int = MAX_FILE_BYTES,
        limits: TreeLimits = DEFAULT_LIMITS,
    ) -> None:
        """List ``commit``, which must be in ``cache``; ``ignore`` and ``sparse`` are those of the spec.

        Without ``filtered`` no ignore rules apply, for a tree that becomes a layer of another one.

        Raises :class:`StorageFailed` when the cache does not have it, :class:`SourceTooLarge` when it holds more than
        ``limits``, :class:`IgnoreInvalid` when the rules of a ``.sourceignore`` are too many,
        :class:`SparsePathMissing` when a path of ``sparse`` does not exist.
        """
        super().__init__()
        self.commit = commit
        self.submodules: dict[str, str] = {}
        """The paths of submodules and their commits."""
        self._cache = cache
        self._limit = max_file_bytes
        self._reader = self._open_reader(cache)
        # Indexed by file number: blob id, size, executable.
        self._id_length = len(commit) // 2
        self._ids = bytearray()
        self._sizes = array("Q")
        self._executable = bytearray()
        self._links: set[str] = set()
        self._rules = IgnoreRules.none()
        self._rules_lock = threading.Lock()
        cache.pin(commit)
        try:
            self._load(ignore, [clean_path(path) for path in sparse], filtered, limits)
        except BaseException:
            self.close()
            raise

    def _open_reader(self, cache: ObjectStore) -> BlobReader:
        return BlobReader(cache.path)

    def _release(self) -> None:
        self._reader.close()
        self._cache.unpin(self.commit)

    def _file_id(self, path: str, number: int) -> str:
        return self._blob(number)

    def read(self, path: str) -> bytes:
        number = self._number(path)
        if number < 0:
            raise self._no_file(path)
        if self._sizes[number] > self._limit:
            raise TooLarge(f"is larger than {self._limit} bytes", file=path)
        try:
            return self._reader.read(self._blob(number))
        except CacheDamaged as error:
            self._cache.condemn()
            raise TreeError(str(error), file=path) from None
        except StorageFailed as error:
            raise TreeError(str(error), file=path) from None

    def left_out(self, path: str) -> str:
        """Why the tree omits what the commit has at a path; "" when it does not, or when the cause is unknown."""
        if path in self._links:
            return "is a symbolic link, which artifacts do not contain: name the file that it points to"
        if self._is_ignored(path):
            return f"is excluded by the ignore rules (spec.ignore, {IGNORE_FILE}, or the built-in ones)"
        return ""

    def _is_ignored(self, path: str) -> bool:
        with self._rules_lock:
            try:
                return self._rules.ignores(path)
            except IgnoreInvalid:
                return False
            finally:
                # Requests for missing paths must not make the tree grow.
                self._rules.settle()

    def size(self, path: str) -> int:
        """Bytes of a file, 0 when there is none."""
        number = self._number(path)
        return self._sizes[number] if number >= 0 else 0

    def _entry(self, path: str, number: int) -> TreeEntry:
        return TreeEntry(path, False, bool(self._executable[number]), self._sizes[number])

    def contents(self, paths: Sequence[str]) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Yield size and content in chunks of each of these files, in order; no limit on the size."""
        yield from stream(self._cache.path, [self._blob(self._number(path)) for path in paths])

    def _blob(self, number: int) -> str:
        start = number * self._id_length
        return self._ids[start : start + self._id_length].hex()

    def _load(self, ignore: str | None, sparse: Sequence[str], filtered: bool, limits: TreeLimits) -> None:
        with _AT_ONCE:
            self._load_listed(self._listed(sparse, limits), ignore, sparse, filtered, limits)

    def _load_listed(
        self, listed: bytes, ignore: str | None, sparse: Sequence[str], filtered: bool, limits: TreeLimits
    ) -> None:
        rules = IgnoreRules.none()
        if filtered:
            blobs = {path: (blob, size) for _, blob, size, path in _ignore_files(listed)}
            sizes = {path: size for path, (_, size) in blobs.items()}
            rules = self._rules = read_rules(sizes, lambda path: self._reader.read(blobs[path][0]), ignore)
        listing, missing, count = Listing(), dict.fromkeys(sparse), limits.count()
        for mode, blob, size, path in _narrowed(_parse(listed), missing):
            check_path(path)
            if mode == _SUBMODULE:
                self.submodules[path] = blob
            if mode not in _FILE_MODES or rules.ignores(path):
                if mode == _LINK and len(self._links) < _MAX_LINKS:
                    self._links.add(path)
                # A directory stays even if nothing in it is visible, unless it is itself ignored.
                directory = path if mode == _SUBMODULE else path.rpartition("/")[0]
                _add_directory(directory, listing, rules)
                continue
            if filtered:
                count.add_file(size)
            listing.add_file(path, len(self._sizes))
            self._ids += bytes.fromhex(blob)
            self._sizes.append(size)
            self._executable.append(mode == _EXECUTABLE)
        if missing:
            raise SparsePathMissing(
                "failed to sparse checkout directories : "
                f"sparse checkout dir '{next(iter(missing))}' does not exist in repository"
            )
        listing.put_into(self)
        self._hidden = {path for path in self._directories if rules.ignores(path, is_directory=True)}
        rules.settle()

    def _listed(self, sparse: Sequence[str], limits: TreeLimits) -> bytes:
        """Git's listing of the commit; counted during output, because a few trees can expand to a huge listing."""
        count, head = limits.count(), len(self.commit) + _HEAD
        narrow = list(dict.fromkeys(sparse)) if "" not in sparse else []
        if sum(len(path) + 1 for path in narrow) > _ARGUMENTS:
            narrow = []

        def count_records(chunk: bytes) -> None:
            records = chunk.count(0)
            count.add(records, max(0, len(chunk) - records * head))

        finished = run(
            ["ls-tree", "-r", "-t", "-z", "-l", "--full-tree", "--end-of-options", self.commit, *narrow],
            git_dir=self._cache.path,
            environment={"GIT_LITERAL_PATHSPECS": "1"},
            timeout=LISTING_TIMEOUT,
            max_output=MAX_LISTING,
            on_output=count_records,
        )
        if finished.status:
            self._cache.condemn()
            raise CacheDamaged(f"the repository cache lacks the commit {self.commit}")
        return finished.output


def _add_directory(path: str, listing: Listing, rules: IgnoreRules) -> None:
    while path and path not in listing:
        if not rules.ignores(path, is_directory=True):
            listing.add_directory(path)
            return
        path = path.rpartition("/")[0]


def read_rules(files: Mapping[str, int], read: Callable[[str], bytes], ignore: str | None) -> IgnoreRules:
    """Return the rules of these ``.sourceignore`` files (path to size in bytes) and of ``spec.ignore``.

    Raises :class:`IgnoreInvalid`.
    """
    if len(files) > MAX_FILES:
        raise IgnoreInvalid(f"there are {len(files)} {IGNORE_FILE} files, more than {MAX_FILES}")
    left, texts = MAX_BYTES, {}
    for path, size in files.items():
        left -= size
        if left < 0:
            raise IgnoreInvalid(
                f"{path} is larger than {MAX_BYTES} bytes, alone or with the {IGNORE_FILE} files before it"
            )
        texts[path.rpartition("/")[0]] = read(path).decode("utf-8", "surrogateescape")
    return IgnoreRules(texts, ignore)


_EXECUTABLE = "100755"
_FILE_MODES = ("100644", _EXECUTABLE, "100664")
_SUBMODULE = "160000"
_LINK = "120000"
_MAX_LINKS = 10_000
"""Maximum number of symbolic links to remember, for messages."""
_DIRECTORY = b"040000 "
_HEAD = len("100644 blob ") + len(" 1234567\t\0")
"""Minimum bytes of a record in addition to the id and the path."""
_ARGUMENTS = 32 * 1024
"""Limit in bytes for the paths in Git's argument list; with more, Git lists the whole commit."""


def _parse(listing: bytes) -> Iterator[tuple[str, str, int, str]]:
    """Yield mode, id, size and path of all usable entries except directories."""
    end, safe = -1, {"": True}
    while (end := listing.find(b"\0", start := end + 1)) >= 0:
        if listing.startswith(_DIRECTORY, start):
            continue
        head, _, path = listing[start:end].decode("utf-8", "surrogateescape").partition("\t")
        parent, _, name = path.rpartition("/")
        if parent not in safe:
            safe[parent] = _is_safe(parent)
        if safe[parent] and name not in _UNSAFE and name.lower() != ".git" and path[0] != "/":
            mode, _, blob, size = head.split()
            yield mode, blob, int(size) if size.isdecimal() else 0, path


def _ignore_files(listing: bytes) -> Iterator[tuple[str, str, int, str]]:
    if IGNORE_FILE.encode() + b"\0" in listing:
        for record in _parse(listing):
            if record[0] in _FILE_MODES and record[3].rpartition("/")[2] == IGNORE_FILE:
                yield record


def _is_safe(path: str) -> bool:
    return not any(part in _UNSAFE or part.lower() == ".git" for part in path.split("/"))


_UNSAFE = ("", ".", "..")


def _narrowed(
    listed: Iterable[tuple[str, str, int, str]], sparse: dict[str, None]
) -> Iterator[tuple[str, str, int, str]]:
    """Yield the entries at or below the paths of ``sparse``, all when it is empty; removes the paths found from it."""
    if not sparse or "" in sparse:
        sparse.clear()
        yield from listed
        return
    wanted = frozenset(sparse)
    for record in listed:
        inside = [path for path in _with_parents(record[3]) if path in wanted]
        for path in inside:
            sparse.pop(path, None)
        if inside:
            yield record


def _with_parents(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition("/")[0]
