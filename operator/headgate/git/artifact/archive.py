"""Writes a tree as Flux's artifacts are: a gzip-compressed tar archive whose bytes follow from the tree
alone.

Layout (``fluxcd/pkg``, ``artifact/storage/archive.go``): no top folder; an entry ``.`` for the root, one
for each directory and regular file, each directory's names in order; directories 0750, files 0600,
executable files 0700; no owner, no times. Packing one commit twice, on any day or machine with the same
zlib, gives the same digest, whatever is taken over from an earlier artifact (:mod:`.pieces`).
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, NamedTuple, Protocol

from headgate.git.artifact.pieces import Earlier, PieceWriter, key_of, member, pieces, write_index
from headgate.git.tree.listed import TreeEntry

__all__ = ["ArchiveSource", "Packed", "pack"]

DIRECTORY_MODE = 0o750
FILE_MODE = 0o600
EXECUTABLE_MODE = 0o700
BATCH = 512
"""Files that are asked for at once."""


class ArchiveSource(Protocol):
    """What can be packed: a ``GitTree``, or trees put together."""

    def entries(self) -> Iterable[TreeEntry]:
        """Yield directories and files in the order in which they are to be written."""

    def contents(self, paths: Sequence[str]) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Yield size in bytes and content of these files, in order."""

    def content_id(self, path: str) -> str:
        """Return what changes whenever the content of this file does."""


@dataclass(frozen=True, slots=True)
class Packed:
    """What was written: its digest as ``sha256:<hex>`` and its size in bytes."""

    digest: str
    size: int


class _Keyed(NamedTuple):
    key: bytes
    entries: list[TreeEntry]


def pack(source: ArchiveSource, out: IO[bytes], earlier: IO[bytes] | None = None) -> Packed:
    """Write the archive of ``source`` to ``out``, holding only a chunk of any file in memory.

    What has not changed since an ``earlier`` archive is copied from there.
    """
    sink, known, written = PieceWriter(out), Earlier(earlier), []
    for run in _runs(source, known):
        if known.copy(run[0].key, sink):
            written.append(sink.end(run[0].key))
            continue
        contents = source.contents([e.path for piece in run for e in piece.entries if not e.is_directory])
        for piece in run:
            member(_archived(piece.entries, contents), sink)
            written.append(sink.end(piece.key))
        # Runs the generator to its end, so that it lets go of what it reads from.
        for _ in contents:
            raise AssertionError("more contents than asked for")
    member([bytes(2 * tarfile.BLOCKSIZE)], sink)
    write_index(written, sink)
    return Packed(f"sha256:{sink.digest.hexdigest()}", sink.size)


def _runs(source: ArchiveSource, known: Earlier) -> Iterator[list[_Keyed]]:
    """Yield pieces that are known one by one, and runs of others, which are read in one go."""
    run: list[_Keyed] = []
    for entries in pieces(source.entries()):
        piece = _Keyed(key_of(entries, source.content_id), entries)
        is_known = piece.key in known
        if run and (is_known or sum(len(other.entries) for other in run) >= BATCH):
            yield run
            run = []
        if is_known:
            yield [piece]
        else:
            run.append(piece)
    if run:
        yield run


def _archived(
    entries: Iterable[TreeEntry], contents: Iterator[tuple[int, Iterator[bytes]]]
) -> Iterator[bytes]:
    for entry in entries:
        if entry.is_directory:
            yield _header(entry, 0)
            continue
        size, chunks = next(contents)
        yield _header(entry, size)
        yield from chunks
        yield bytes(-size % tarfile.BLOCKSIZE)


def _header(entry: TreeEntry, size: int) -> bytes:
    header = tarfile.TarInfo(entry.path or ".")
    header.size = size
    if entry.is_directory:
        header.type = tarfile.DIRTYPE
        header.mode = DIRECTORY_MODE
    else:
        header.mode = EXECUTABLE_MODE if entry.is_executable else FILE_MODE
    return header.tobuf(tarfile.PAX_FORMAT, errors="surrogateescape")
