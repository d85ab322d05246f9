"""A downloaded artifact (tar.gz) as a tree of files, for the build engine.

``TarTree`` has the shape of ``headgate.kustomize.tree.Tree``. The archive is decompressed once, to a file without a
name that goes when the tree is closed or the process ends; kept in memory is where in it each file lies. Nothing is
unpacked, so no name in the archive can lead anywhere. A file's ``content_id`` is the id Git gives a blob of its
content: a file that did not change between two artifacts, or between a commit and an artifact, has the same id.

The archive is untrusted. What Flux refuses is refused (``fluxcd/pkg``, ``tar/untar.go``): names that are absolute, hold
``..`` or a backslash, devices and pipes. Symbolic links are left out, as Flux does. Sizes and numbers are bounded.
"""

from __future__ import annotations

import gzip
import os
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from headgate.git.listed import SharedTree
from headgate.kustomize.errors import FileMissing, NotAFile, TooLarge, TreeError
from headgate.kustomize.tree import MAX_FILE_BYTES, EntryKind, blob_id, listing_id

__all__ = ["ArchiveInvalid", "ArchiveLimits", "TarTree"]

CHUNK = 1 << 20
MAX_HEADER = 1 << 20
"""Bytes of one extended header, which holds a long name; the archive decides how much of it is read at once."""
MAX_PATH = 4096
MAX_DEPTH = 256


class ArchiveInvalid(Exception):
    """The archive is damaged, larger than allowed, or holds what an artifact must not; the message says what."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What one archive may need."""

    unpacked: int = 4 << 30
    """Bytes of the decompressed archive, on disk."""
    entries: int = 500_000
    """Files and directories, about 300 bytes of memory each."""


@dataclass(frozen=True, slots=True)
class _File:
    offset: int
    size: int


class TarTree(SharedTree):
    """The files of one archive. Thread-safe; ``close`` it when done."""

    def __init__(
        self,
        archive: IO[bytes],
        spool: Path,
        *,
        limits: ArchiveLimits | None = None,
        max_file_bytes: int = MAX_FILE_BYTES,
    ) -> None:
        """Read ``archive`` to its end; ``spool`` is a folder for the decompressed copy.

        Raises :class:`ArchiveInvalid`, and :class:`OSError` when the copy cannot be written.
        """
        super().__init__()
        self._limits, self._max_file_bytes = limits or ArchiveLimits(), max_file_bytes
        self._files: dict[str, _File] = {}
        self._directories: dict[str, dict[str, None]] = {"": {}}
        self._ids: dict[str, str] = {}
        self._data = tempfile.TemporaryFile(dir=spool)  # noqa: SIM115 - closed with the tree
        try:
            self._decompress(archive)
            self._index()
        except BaseException:
            self.close()
            raise

    def kind(self, path: str) -> EntryKind:
        """Tell what the path names."""
        if path in self._files:
            return EntryKind.FILE
        return EntryKind.DIRECTORY if path in self._directories else EntryKind.MISSING

    def read(self, path: str) -> bytes:
        """Return a file's content; raises a :class:`TreeError`."""
        file = self._files.get(path)
        if file is None:
            if path in self._directories:
                raise NotAFile("is a directory, not a file", file=path or ".")
            raise FileMissing("no such file", file=path)
        if file.size > self._max_file_bytes:
            raise TooLarge(f"is larger than {self._max_file_bytes} bytes", file=path)
        content = b"".join(self._chunks(file, path))
        if path not in self._ids:
            self._ids[path] = blob_id(content)
        return content

    def list(self, path: str) -> Sequence[str]:
        """Return the names of a directory's direct entries, sorted; raises a :class:`TreeError`."""
        try:
            return sorted(self._directories[path])
        except KeyError:
            raise FileMissing("no such directory", file=path) from None

    def content_id(self, path: str) -> str:
        """Return the blob id of a file or an id of a directory's listing; "" when the path is missing."""
        known = self._ids.get(path)
        if known is not None:
            return known
        if path in self._directories:
            known = listing_id(self.list(path))
        elif path not in self._files:
            return ""
        elif self._files[path].size > self._max_file_bytes:
            # It cannot be read, so that where it lies is all that a build can depend on.
            known = f"too large: {self._files[path].size}"
        else:
            known = blob_id(self.read(path))
        self._ids[path] = known
        return known

    def _release(self) -> None:
        self._data.close()

    def _chunks(self, file: _File, path: str) -> Iterator[bytes]:
        at, end = file.offset, file.offset + file.size
        while at < end:
            chunk = os.pread(self._data.fileno(), min(CHUNK, end - at), at)
            if not chunk:
                raise TreeError("the local copy of the artifact is shorter than it was", file=path)
            yield chunk
            at += len(chunk)

    def _decompress(self, archive: IO[bytes]) -> None:
        written = 0
        try:
            with gzip.GzipFile(fileobj=archive, mode="rb") as plain:
                while chunk := plain.read(CHUNK):
                    written += len(chunk)
                    if written > self._limits.unpacked:
                        raise ArchiveInvalid(
                            f"decompressed, it is larger than the limit of {self._limits.unpacked} bytes"
                        )
                    self._data.write(chunk)
        except gzip.BadGzipFile:
            raise ArchiveInvalid("it is not gzip-compressed") from None
        except (EOFError, zlib.error) as error:
            raise ArchiveInvalid(f"its compression is damaged: {error}") from None
        self._data.flush()

    def _index(self) -> None:
        self._data.seek(0)
        try:
            with tarfile.open(fileobj=cast(IO[bytes], _Careful(self._data)), mode="r:") as archive:
                self._walk(archive)
        except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
            raise ArchiveInvalid(f"it is no tar archive, or a damaged one: {error}") from None

    def _walk(self, archive: tarfile.TarFile) -> None:
        count, at = 0, -1
        while (member := archive.next()) is not None:
            # A crafted size may lead back.
            if member.size < 0 or archive.offset <= at:
                raise ArchiveInvalid("an entry has a negative size")
            count, at = count + 1, archive.offset
            if count > self._limits.entries:
                raise ArchiveInvalid(f"it has more than {self._limits.entries} entries")
            self._add(member)
            # Each would be kept for a later look-up, which never comes.
            cast(Any, archive).members.clear()
        # A header that cannot be read looks like the end to tarfile.
        if os.pread(self._data.fileno(), tarfile.BLOCKSIZE, archive.offset).strip(b"\0"):
            raise ArchiveInvalid(f"it is damaged at byte {archive.offset}")

    def _add(self, member: tarfile.TarInfo) -> None:
        path = _clean(member.name)
        if member.issym():
            return
        if member.isdir():
            self._add_directory(path)
            return
        if member.islnk():
            file = self._files.get(_clean(member.linkname))
            if file is None:
                raise ArchiveInvalid(f"'{path}' is a hard link to what is not before it in the archive")
        elif not member.isreg() or member.issparse():
            raise ArchiveInvalid(f"'{path}' is neither a file nor a directory")
        else:
            file = _File(member.offset_data, member.size)
            if file.offset + file.size > os.fstat(self._data.fileno()).st_size:
                raise ArchiveInvalid(f"it ends within '{path}'")
        if not path or path in self._directories:
            raise ArchiveInvalid(f"'{path or '.'}' is both a file and a directory")
        parent, _, name = path.rpartition("/")
        self._add_directory(parent)
        self._directories[parent][name] = None
        self._files[path] = file

    def _add_directory(self, path: str) -> None:
        if path in self._directories:
            return
        if path in self._files:
            raise ArchiveInvalid(f"'{path}' is both a file and a directory")
        if len(self._directories) > self._limits.entries:
            raise ArchiveInvalid(f"it has more than {self._limits.entries} directories")
        parent, _, name = path.rpartition("/")
        self._add_directory(parent)
        self._directories[parent][name] = None
        self._directories[path] = {}


def _clean(name: str) -> str:
    """A name of the archive as a path of the tree; raises :class:`ArchiveInvalid`."""
    parts = name.split("/")
    if not name or name.startswith("/") or "\\" in name or "\0" in name or ".." in parts:
        raise ArchiveInvalid(f"{name[:200]!r} is not a name that an artifact may hold")
    if not name.isascii() and any("\ud800" <= c <= "\udfff" for c in name):
        raise ArchiveInvalid(f"{name[:200]!r} is not UTF-8")
    if len(name) > MAX_PATH or len(parts) > MAX_DEPTH:
        raise ArchiveInvalid(f"'{name[:100]}…' is longer than {MAX_PATH} characters or {MAX_DEPTH} names")
    return "/".join(part for part in parts if part not in ("", "."))


class _Careful:
    """A file of which nobody can read much at once."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_HEADER:
            raise ArchiveInvalid("it has a header that is too large")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
