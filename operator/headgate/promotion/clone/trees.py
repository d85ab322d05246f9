"""The files of a commit and of the work tree of a clone, as the operator would see them.

Both have the operator's ignore rules, because they are :class:`~headgate.git.tree.commit.GitTree`. The id of a file is
that of its blob, so an unchanged file has the same id in a commit and in the work tree.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from headgate.documents.tree import blob_id
from headgate.git.cache.blobs import BlobReader
from headgate.git.errors import GitError, StorageFailed
from headgate.git.limits import TreeLimits
from headgate.git.tree.commit import GitTree, ObjectStore
from headgate.names import KUSTOMIZATION_FILES
from headgate.promotion.clone.command import GitOf, decoded
from headgate.promotion.errors import CloneError

__all__ = ["WORK_TREE", "CommitTree", "Objects", "WorkingTree"]

WORK_TREE = "0" * 40
"""In place of a commit: everything in the work tree. No commit has this id."""

COMPLETE = "a partial clone gets all of them with 'git fetch --refetch --no-filter'"

MAX_READY, MAX_READY_FILE = 64 << 20, 256 << 10
"""Limits in bytes for all files that are read in advance, and for each of them."""
MAX_AHEAD = 2_000
"""Limit for the files that are read with one."""
_YAML = (".yaml", ".yml")
MAX_WORK_FILE = 256 << 20
"""Limit in bytes for a changed file of a work tree."""


class Objects:
    """The objects of a clone, as its trees need them. Nothing is pinned or condemned: the clone is the user's.

    All trees of a clone share one, and with it one process of Git and what they have read. Close it when done.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.reader = BlobReader(path)
        self.ready: dict[str, bytes] = {}
        """Blob id to content of small files that were read in advance."""
        self.room = MAX_READY
        """How many bytes more may be kept."""

    @property
    def path(self) -> Path:
        return self._path

    def pin(self, commit: str) -> None:
        pass

    def unpin(self, commit: str) -> None:
        pass

    def condemn(self) -> None:
        pass

    def close(self) -> None:
        """End the process of Git, and drop what was read."""
        self.reader.close()
        self.ready.clear()


class CommitTree(GitTree):
    """The visible files of a commit of a clone.

    Small YAML files are read in advance, because Git answers many questions faster than one after the other: all
    kustomization files of the commit with the first of them, and all files of a directory with the first of those.
    """

    _objects: Objects

    def __init__(
        self,
        objects: Objects,
        commit: str,
        *,
        ignore: str | None = None,
        sparse: Sequence[str] = (),
        filtered: bool = True,
    ) -> None:
        """List ``commit``, which is in the objects of a clone; raises :class:`CloneError`."""
        try:
            super().__init__(objects, commit, ignore=ignore, sparse=sparse, filtered=filtered)
        except StorageFailed:
            raise CloneError(f"the clone does not have all files of {commit[:12]}: {COMPLETE}") from None
        except GitError as error:
            raise CloneError(f"the files of {commit[:12]} cannot be used: {error}") from None

    def read(self, path: str) -> bytes:
        number = self._number(path)
        if number < 0 or self._sizes[number] > MAX_READY_FILE:
            return super().read(path)
        blob, ready = self._blob(number), self._objects.ready
        if blob not in ready and self._objects.room > 0:
            self._read_ahead(path)
        content = ready.get(blob)
        return super().read(path) if content is None else content

    def _read_ahead(self, path: str) -> None:
        objects, wanted = self._objects, dict[str, None]()
        for number in self._near(path):
            size = self._sizes[number]
            if size > MAX_READY_FILE or (blob := self._blob(number)) in objects.ready or blob in wanted:
                continue
            objects.room -= size
            if objects.room <= 0 or len(wanted) >= MAX_AHEAD:
                break
            wanted[blob] = None
        try:
            contents = objects.reader.read_all(list(wanted))
        except GitError:
            # Whoever needs such a file gets the error.
            return
        objects.ready.update(zip(wanted, contents, strict=True))

    def _near(self, path: str) -> Iterator[int]:
        """The numbers of a file and of those that are probably needed with it."""
        yield self._number(path)
        folder, _, name = path.rpartition("/")
        if name in KUSTOMIZATION_FILES:
            for each in self._directories:
                if (number := self._number(f"{each}/{name}" if each else name)) >= 0:
                    yield number
        else:
            for other in self.list(folder):
                if other.endswith(_YAML):
                    number = self._number(f"{folder}/{other}" if folder else other)
                    if number >= 0:
                        yield number

    def _open_reader(self, cache: ObjectStore) -> BlobReader:
        assert isinstance(cache, Objects)
        self._objects = cache
        return cache.reader

    def _release(self) -> None:
        # The reader is that of the clone.
        pass


class WorkingTree(GitTree):
    """The visible files of a work tree: what a commit of everything in it would have.

    Files that Git knows to be unchanged are read from its objects, all others from the disk. Close it when done.
    """

    def __init__(
        self,
        git: GitOf,
        objects: Path,
        root: Path,
        head: str,
        *,
        ignore: str | None = None,
        sparse: Sequence[str] = (),
        filtered: bool = True,
    ) -> None:
        """List the work tree at ``root``; ``head`` is its commit. Raises :class:`CloneError`."""
        # The listing, which the base class begins, needs both.
        self._git, self._root = git, root
        try:
            super().__init__(Objects(objects), head, ignore=ignore, sparse=sparse, filtered=filtered)
        except StorageFailed as error:
            raise CloneError(f"the work tree {root} cannot be read: {error}") from None
        except GitError as error:
            raise CloneError(f"the files of {root} cannot be used: {error}") from None

    def _open_reader(self, cache: ObjectStore) -> BlobReader:
        return _WorkReader(cache.path, self._root)

    def _listed(self, sparse: Sequence[str], limits: TreeLimits) -> bytes:
        reader = self._reader
        assert isinstance(reader, _WorkReader)
        records, count = [], limits.count()
        for mode, blob, path in self._entries():
            count.add(1, len(path))
            size = 0
            if not blob:
                read = reader.read_work(path, min(limits.size, MAX_WORK_FILE))
                if read is None:
                    continue
                mode, content = read
                size = len(content)
                blob = blob_id(content, sha256=self._id_length == 32)
                reader.place(blob, path)
            records.append(f"{mode} blob {blob} {size}\t".encode() + path.encode("utf-8", "surrogateescape"))
        return b"\0".join([*records, b""])

    def _entries(self) -> Iterator[tuple[str, str, str]]:
        """Yield mode, blob id and path of all files; the id is empty if the file must be read from the disk."""
        here = {"GIT_WORK_TREE": str(self._root)}
        config = self._without_filters()
        staged = self._git.local("ls-files", "-z", "--stage", "--full-name", environment=here)
        dirty = self._git.local(
            "diff-files",
            "--raw",
            "-z",
            "--no-ext-diff",
            "--ignore-submodules=all",
            config=config,
            environment=here,
        )
        others = self._git.as_user(
            "ls-files", "-z", "--others", "--exclude-standard", "--full-name", environment=here
        )
        for finished, name in ((staged, "ls-files"), (dirty, "diff-files"), (others, "ls-files")):
            if finished.status:
                raise self._git.failed(name, finished)
        changed = dict.fromkeys(decoded(dirty.output).split("\0")[1::2])
        seen = set()
        for record in filter(None, decoded(staged.output).split("\0")):
            head, _, path = record.partition("\t")
            mode, blob, level = head.split()
            if path in changed or level != "0":
                if path not in seen:
                    seen.add(path)
                    yield mode, "", path
            else:
                yield mode, blob, path
        for path in filter(None, decoded(others.output).split("\0")):
            if not path.endswith("/"):
                yield "100644", "", path

    def _without_filters(self) -> list[tuple[str, str]]:
        """Configuration that turns off the programs which a clone can order to convert files."""
        found = self._git.local("config", "-z", "--name-only", "--get-regexp", r"^filter\.")
        names = {name.rpartition(".")[0] for name in decoded(found.output).split("\0") if name}
        off = (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false"))
        return [(f"{name}.{key}", value) for name in sorted(names) for key, value in off]


class _WorkReader(BlobReader):
    """Reads blobs from the objects of a repository, and those of changed files from the work tree."""

    def __init__(self, repository: Path, root: Path) -> None:
        super().__init__(repository)
        self._root, self._places = root, dict[str, str]()

    def place(self, blob: str, path: str) -> None:
        """Record that the file at ``path`` of the work tree has the content with this id."""
        self._places[blob] = path

    def read(self, blob: str) -> bytes:
        path = self._places.get(blob)
        if path is None:
            return super().read(blob)
        found = self.read_work(path, MAX_WORK_FILE)
        content = b"" if found is None else found[1]
        if blob_id(content, sha256=len(blob) == 64) != blob:
            raise StorageFailed(f"{path} changed while it was read")
        return content

    def read_work(self, path: str, limit: int) -> tuple[str, bytes] | None:
        """Return mode and content of a regular file of the work tree; None for anything else."""
        try:
            descriptor = os.open(
                self._root / path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
            )
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            mode = found.st_mode
            if not stat.S_ISREG(mode):
                return None
            content = file.read(min(found.st_size, limit) + 1)
        if len(content) > limit:
            raise StorageFailed(f"{path} has more than {limit} bytes")
        return "100755" if mode & 0o100 else "100644", content
