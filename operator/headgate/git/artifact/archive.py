"""Writes a tree in the format of Flux's artifacts: a tar.gz file whose bytes depend on the tree alone.

Layout (``fluxcd/pkg``, ``artifact/storage/archive.go``): no top folder; an entry ``.`` for the root, one for each
directory and regular file, the names of each directory sorted; directories 0750, files 0600, executable files 0700; no
owner, no times. Packing a commit twice, on any machine with the same zlib, gives the same digest, even with pieces
copied from an earlier artifact (:mod:`.pieces`).
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
"""Number of files to request at once."""


class ArchiveSource(Protocol):
    """What can be packed: a ``GitTree`` or a ``ComposedTree``."""

    def entries(self) -> Iterable[TreeEntry]:
        """Yield directories and files in the order of the archive."""

    def contents(self, paths: Sequence[str]) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Yield size in bytes and content of these files, in order."""

    def content_id(self, path: str) -> str:
        """Return an id that changes whenever the content of this file does."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A written archive: its digest as ``sha256:<hex>`` and its size in bytes."""

    digest: str
    size: int


class _Keyed(NamedTuple):
    key: bytes
    entries: list[TreeEntry]


def pack(source: ArchiveSource, out: IO[bytes], earlier: IO[bytes] | None = None) -> Packed:
    """Write the archive of ``source`` to ``out``, with only a chunk of any file in memory.

    Pieces that have not changed since an ``earlier`` archive are copied from it.
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
        # Runs the generator to its end, so that it releases its files.
        for _ in contents:
            raise AssertionError("more contents than asked for")
    member([bytes(2 * tarfile.BLOCKSIZE)], sink)
    write_index(written, sink)
    return Packed(f"sha256:{sink.digest.hexdigest()}", sink.size)


def _runs(source: ArchiveSource, known: Earlier) -> Iterator[list[_Keyed]]:
    """Yield each known piece alone, and runs of unknown pieces, which one Git process reads together."""
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
