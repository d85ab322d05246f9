"""A downloaded artifact (tar.gz) as a tree of files, for the build engine.

``TarTree`` has the shape of ``headgate.documents.tree.Tree``. The archive is decompressed once, to an unnamed temporary
file that disappears when the tree is closed or the process ends; memory holds the offset of each file in it. Nothing is
unpacked to paths, so names in the archive are harmless. A file's ``content_id`` is Git's id for a blob of its content:
an unchanged file has the same id in two artifacts, or in a commit and an artifact.

The archive is untrusted. It is invalid if Flux refuses it (``fluxcd/pkg``, ``tar/untar.go``): names that are absolute
or contain ``..`` or a backslash, devices and pipes. Symbolic links are ignored, as in Flux. Sizes and numbers are
limited.
"""

from __future__ import annotations

import gzip
import os
import tarfile
import tempfile
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from headgate.documents.errors import TooLarge, TreeError
from headgate.documents.tree import MAX_FILE_BYTES, blob_id
from headgate.git.limits import DEFAULT_LIMITS, MAX_DEPTH, MAX_PATH, PATH_BYTES
from headgate.git.tree.listed import ListedTree, Listing, TreeEntry

__all__ = ["ArchiveInvalid", "ArchiveLimits", "TarTree"]

CHUNK = 1 << 20
MAX_HEADER = 1 << 20
"""Limit in bytes for one extended header, which holds a long name and is read at once."""


class ArchiveInvalid(Exception):
    """The archive is damaged, too large, or has content that artifacts must not have; the message says which."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Limits of one archive."""

    unpacked: int = DEFAULT_LIMITS.size
    """Bytes of the decompressed archive, on disk (``--max-source-size``)."""
    entries: int = DEFAULT_LIMITS.entries
    """Files and directories (``--max-source-entries``)."""


class TarTree(ListedTree):
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
        # Indexed by file number: offset in the decompressed archive, size.
        self._offsets, self._sizes = array("Q"), array("Q")
        self._ids: dict[str, str] = {}
        self._data = tempfile.TemporaryFile(dir=spool)  # noqa: SIM115 - closed with the tree
        try:
            self._decompress(archive)
            self._index()
        except BaseException:
            self.close()
            raise

    def read(self, path: str) -> bytes:
        """Return a file's content; raises a :class:`TreeError`."""
        number = self._number(path)
        if number < 0:
            raise self._no_file(path)
        if self._sizes[number] > self._max_file_bytes:
            raise TooLarge(f"is larger than {self._max_file_bytes} bytes", file=path)
        content = b"".join(self._chunks(number, path))
        if path not in self._ids:
            self._ids[path] = blob_id(content)
        return content

    def _file_id(self, path: str, number: int) -> str:
        known = self._ids.get(path)
        if known is None:
            if self._sizes[number] > self._max_file_bytes:
                # It cannot be read, so its size suffices as an id.
                known = f"too large: {self._sizes[number]}"
            else:
                known = blob_id(self.read(path))
            self._ids[path] = known
        return known

    def _entry(self, path: str, number: int) -> TreeEntry:
        return TreeEntry(path, size=self._sizes[number])

    def _release(self) -> None:
        self._data.close()

    def _chunks(self, number: int, path: str) -> Iterator[bytes]:
        at = self._offsets[number]
        end = at + self._sizes[number]
        while at < end:
            chunk = os.pread(self._data.fileno(), min(CHUNK, end - at), at)
            if not chunk:
                raise TreeError("the local copy of the artifact was truncated", file=path)
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
            raise ArchiveInvalid(f"it is not a tar archive, or it is damaged: {error}") from None

    def _walk(self, archive: tarfile.TarFile) -> None:
        listing, count, at, path_bytes = Listing(), 0, -1, 0
        while (member := archive.next()) is not None:
            # A crafted size may lead backwards.
            if member.size < 0 or archive.offset <= at:
                raise ArchiveInvalid("an entry has a negative size")
            count, at, path_bytes = count + 1, archive.offset, path_bytes + len(member.name)
            if count > self._limits.entries:
                raise ArchiveInvalid(f"it has more than {self._limits.entries} entries")
            if path_bytes > self._limits.entries * PATH_BYTES:
                raise ArchiveInvalid(f"its paths have more than {self._limits.entries * PATH_BYTES} bytes")
            self._add(member, listing)
            # tarfile keeps each member for a later look-up, which never happens.
            cast(Any, archive).members.clear()
        # tarfile treats an invalid header as the end.
        if os.pread(self._data.fileno(), tarfile.BLOCKSIZE, archive.offset).strip(b"\0"):
            raise ArchiveInvalid(f"it is damaged at byte {archive.offset}")
        listing.put_into(self)

    def _add(self, member: tarfile.TarInfo, listing: Listing) -> None:
        path = _clean(member.name)
        if member.issym():
            return
        if member.isdir():
            self._add_directory(path, listing)
            return
        number = len(self._sizes)
        if member.islnk():
            number = listing.number(_clean(member.linkname))
            if number < 0:
                raise ArchiveInvalid(
                    f"'{path}' is a hard link to a file that does not precede it in the archive"
                )
        elif not member.isreg() or member.issparse():
            raise ArchiveInvalid(f"'{path}' is neither a file nor a directory")
        elif member.offset_data + member.size > os.fstat(self._data.fileno()).st_size:
            raise ArchiveInvalid(f"it ends within '{path}'")
        else:
            self._offsets.append(member.offset_data)
            self._sizes.append(member.size)
        if not path or path in listing:
            raise ArchiveInvalid(f"'{path or '.'}' is both a file and a directory")
        self._add_directory(path.rpartition("/")[0], listing)
        listing.add_file(path, number)

    def _add_directory(self, path: str, listing: Listing) -> None:
        if path in listing:
            return
        if listing.number(path) >= 0:
            raise ArchiveInvalid(f"'{path}' is both a file and a directory")
        if len(listing) > self._limits.entries:
            raise ArchiveInvalid(f"it has more than {self._limits.entries} directories")
        self._add_directory(path.rpartition("/")[0], listing)
        listing.add_directory(path)


def _clean(name: str) -> str:
    """The path in the tree for a name in the archive; raises :class:`ArchiveInvalid`."""
    parts = name.split("/")
    if not name or name.startswith("/") or "\\" in name or "\0" in name or ".." in parts:
        raise ArchiveInvalid(f"{name[:200]!r} is not a name that an artifact may hold")
    if not name.isascii() and any("\ud800" <= c <= "\udfff" for c in name):
        raise ArchiveInvalid(f"{name[:200]!r} is not UTF-8")
    if len(name) > MAX_PATH or len(parts) > MAX_DEPTH:
        raise ArchiveInvalid(f"'{name[:100]}…' is longer than {MAX_PATH} characters or {MAX_DEPTH} names")
    return "/".join(part for part in parts if part not in ("", "."))


class _Careful:
    """A file that refuses large reads."""

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
