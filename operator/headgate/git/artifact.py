"""Writes a tree as Flux's artifacts are: a gzip-compressed tar archive whose bytes follow from the tree
alone.

Layout (``fluxcd/pkg``, ``artifact/storage/archive.go``): no top folder; an entry ``.`` for the root, one
for each directory and regular file, each directory's names in order; directories 0750, files 0600,
executable files 0700; no owner, no times. Packing one commit twice, on any day or machine with the same
zlib, gives the same digest.
"""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Protocol

from headgate.git.listed import Entry

__all__ = ["ArchiveSource", "Packed", "pack"]

DIRECTORY_MODE = 0o750
FILE_MODE = 0o600
EXECUTABLE_MODE = 0o700
COMPRESSION = 6
BATCH = 512


class ArchiveSource(Protocol):
    """What can be packed: a ``GitTree``, or trees put together."""

    def entries(self) -> Iterable[Entry]:
        """Yield directories and files in the order in which they are to be written."""

    def contents(self, paths: Sequence[str]) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Yield size in bytes and content of these files, in order."""


@dataclass(frozen=True, slots=True)
class Packed:
    """What was written: its digest as ``sha256:<hex>`` and its size in bytes."""

    digest: str
    size: int


def pack(source: ArchiveSource, out: IO[bytes]) -> Packed:
    """Write the archive of ``source`` to ``out``, holding only a chunk of any file in memory."""
    sink = _Sink(out)
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=COMPRESSION, fileobj=sink, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 18) as archive,
    ):
        for batch in _batches(source.entries()):
            contents = source.contents([entry.path for entry in batch if not entry.is_directory])
            for entry in batch:
                if entry.is_directory:
                    archive.addfile(_header(entry, 0))
                else:
                    size, chunks = next(contents)
                    archive.addfile(_header(entry, size), _Chunks(chunks))
            # Runs the generator to its end, so that it lets go of what it reads from.
            for _ in contents:
                raise AssertionError("more contents than asked for")
    return Packed(f"sha256:{sink.digest.hexdigest()}", sink.size)


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


def _header(entry: Entry, size: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(entry.path or ".")
    header.size = size
    if entry.is_directory:
        header.type = tarfile.DIRTYPE
        header.mode = DIRECTORY_MODE
    else:
        header.mode = EXECUTABLE_MODE if entry.is_executable else FILE_MODE
    return header


class _Sink:
    """Counts and hashes what passes through to the file."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._out.write(data)

    def flush(self) -> None:
        self._out.flush()


class _Chunks:
    """A file to read from, over chunks of any size."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def read(self, size: int = -1, /) -> bytes:
        parts = []
        while size > 0:
            if not self._rest:
                self._rest = next(self._chunks, b"")
                if not self._rest:
                    break
            parts.append(self._rest[:size])
            self._rest = self._rest[size:]
            size -= len(parts[-1])
        return b"".join(parts)
