"""A commit of a bare repository as a tree of files, for the build engine and for artifacts.

``GitTree`` has the shape of ``headgate.kustomize.tree.Tree``. It lists the commit once, keeps of each file
the path, blob id and size, and reads contents when asked. What an artifact does not hold is not there:
symbolic links, submodules, and files that the ignore rules leave out. A file's ``content_id`` is its blob
id, so that a file that did not change between two commits has the same id in both, however far apart they
are.

The tree is untrusted: names that could lead out of a folder it is written to are dropped.

``sparse`` narrows it to some directories, as if the rest had never been checked out: a ``.sourceignore`` outside
of them does not count (``fluxcd/pkg``, ``git/gogit/clone.go``).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence

from headgate.git.blobs import BlobReader, stream
from headgate.git.cache import BareCache
from headgate.git.errors import CacheDamaged, IgnoreInvalid, SparsePathMissing, StorageError
from headgate.git.ignore import IGNORE_FILE, IgnoreRules
from headgate.git.listed import Entry, ListedTree, clean_path, link
from headgate.git.process import run
from headgate.kustomize.errors import TooLarge, TreeError
from headgate.kustomize.tree import MAX_FILE_BYTES

__all__ = ["GitTree", "read_rules"]

MAX_LISTING = 512 * 1024 * 1024
LISTING_TIMEOUT = 300.0
MAX_IGNORE_BYTES = 1024 * 1024


class GitTree(ListedTree):
    """The visible files of one commit. Thread-safe; ``close`` it when done."""

    def __init__(
        self,
        cache: BareCache,
        commit: str,
        *,
        ignore: str | None = None,
        sparse: Sequence[str] = (),
        filtered: bool = True,
        max_file_bytes: int = MAX_FILE_BYTES,
    ) -> None:
        """List ``commit``, which must be in ``cache``; ``ignore`` and ``sparse`` are those of the spec.

        Without ``filtered`` no ignore rules are used: for a tree that becomes a part of another one.

        Raises :class:`StorageError` when the cache does not have it, :class:`IgnoreInvalid` when the rules of
        a ``.sourceignore`` are too many, :class:`SparsePathMissing` when there is nothing at such a path.
        """
        super().__init__()
        self.commit = commit
        self.submodules: dict[str, str] = {}
        """Where other repositories belong, and which of their commits."""
        self._cache = cache
        self._limit = max_file_bytes
        self._reader = BlobReader(cache.path)
        # One record per visible file, in the order of the index: blob id, size, whether it is executable.
        self._index: dict[str, int] = {}
        self._id_length = len(commit) // 2
        self._ids = bytearray()
        self._sizes = array("Q")
        self._executable = bytearray()
        cache.pin(commit)
        try:
            self._load(ignore, [clean_path(path) for path in sparse], filtered)
        except BaseException:
            self.close()
            raise

    def _release(self) -> None:
        self._reader.close()
        self._cache.unpin(self.commit)

    def _has_file(self, path: str) -> bool:
        return path in self._index

    def _file_id(self, path: str) -> str:
        return self._blob(self._index[path])

    def read(self, path: str) -> bytes:
        index = self._index.get(path)
        if index is None:
            raise self._no_file(path)
        if self._sizes[index] > self._limit:
            raise TooLarge(f"is larger than {self._limit} bytes", file=path)
        try:
            return self._reader.read(self._blob(index))
        except CacheDamaged as error:
            self._cache.condemn()
            raise TreeError(str(error), file=path) from None
        except StorageError as error:
            raise TreeError(str(error), file=path) from None

    def _entry(self, path: str) -> Entry | None:
        index = self._index.get(path)
        if index is None:
            return None
        return Entry(path, False, bool(self._executable[index]), self._sizes[index])

    def contents(self, paths: Sequence[str]) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Yield size and content in chunks of each of these files, in order; no limit on the size."""
        yield from stream(self._cache.path, [self._blob(self._index[path]) for path in paths])

    def _blob(self, index: int) -> str:
        start = index * self._id_length
        return self._ids[start : start + self._id_length].hex()

    def _load(self, ignore: str | None, sparse: Sequence[str], filtered: bool) -> None:
        finished = run(
            ["ls-tree", "-r", "-z", "-l", "--full-tree", "--end-of-options", self.commit],
            git_dir=self._cache.path,
            timeout=LISTING_TIMEOUT,
            max_output=MAX_LISTING,
        )
        if finished.status:
            self._cache.condemn()
            raise CacheDamaged(f"the repository cache lacks the commit {self.commit}")
        listed = _narrowed(list(_parse(finished.output)), sparse)
        self.submodules = {path: blob for mode, blob, _, path in listed if mode == _SUBMODULE}
        files = [record for record in listed if record[0] in _FILE_MODES]
        rules = IgnoreRules.none()
        if filtered:
            blobs = {path: (blob, size) for _, blob, size, path in files if _is_ignore_file(path)}
            sizes = {path: size for path, (_, size) in blobs.items()}
            rules = read_rules(sizes, lambda path: self._reader.read(blobs[path][0]), ignore)
        children: dict[str, set[str]] = {"": set()}
        for mode, blob, size, path in listed:
            is_file = mode in _FILE_MODES
            if not is_file or rules.ignores(path):
                # A directory stays although nothing in it is visible, unless it is itself left out.
                directory = path if mode == _SUBMODULE else path.rpartition("/")[0]
                self._add_directory(directory, children, rules)
                continue
            self._index[path] = len(self._sizes)
            self._ids += bytes.fromhex(blob)
            self._sizes.append(size)
            self._executable.append(mode == _EXECUTABLE)
            link(path, children)
        self._names = {path: tuple(sorted(names)) for path, names in children.items()}
        self._hidden = {path for path in self._names if rules.ignores(path, is_directory=True)}

    def _add_directory(self, path: str, children: dict[str, set[str]], rules: IgnoreRules) -> None:
        while path and path not in children:
            if not rules.ignores(path, is_directory=True):
                children[path] = set()
                link(path, children)
                return
            path = path.rpartition("/")[0]


def read_rules(files: Mapping[str, int], read: Callable[[str], bytes], ignore: str | None) -> IgnoreRules:
    """Return the rules of these ``.sourceignore`` files (path to size in bytes) and of ``spec.ignore``.

    Raises :class:`IgnoreInvalid`.
    """
    texts: dict[str, str] = {}
    for path, size in files.items():
        if size > MAX_IGNORE_BYTES:
            raise IgnoreInvalid(f"{path} is larger than {MAX_IGNORE_BYTES} bytes")
        texts[path.rpartition("/")[0]] = read(path).decode("utf-8", "surrogateescape")
    return IgnoreRules(texts, ignore)


_EXECUTABLE = "100755"
_FILE_MODES = ("100644", _EXECUTABLE, "100664")
_SUBMODULE = "160000"


def _parse(listing: bytes) -> Iterator[tuple[str, str, int, str]]:
    for record in listing.decode("utf-8", "surrogateescape").split("\0"):
        head, tab, path = record.partition("\t")
        if tab and _is_safe(path):
            mode, _, blob, size = head.split()
            yield mode, blob, int(size) if size.isdecimal() else 0, path


def _is_safe(path: str) -> bool:
    return not any(part in _UNSAFE or part.lower() == ".git" for part in path.split("/"))


_UNSAFE = ("", ".", "..")


def _is_ignore_file(path: str) -> bool:
    return path.rpartition("/")[2] == IGNORE_FILE


def _narrowed(
    listed: list[tuple[str, str, int, str]], sparse: Sequence[str]
) -> list[tuple[str, str, int, str]]:
    """Return what is at or below the paths of ``sparse``, everything when there are none."""
    if not sparse or "" in sparse:
        return listed
    missing = dict.fromkeys(sparse)
    kept = []
    for record in listed:
        inside = [path for path in sparse if record[3] == path or record[3].startswith(path + "/")]
        if inside:
            kept.append(record)
            for path in inside:
                missing.pop(path, None)
    if missing:
        raise SparsePathMissing(
            "failed to sparse checkout directories : "
            f"sparse checkout dir '{next(iter(missing))}' does not exist in repository"
        )
    return kept
