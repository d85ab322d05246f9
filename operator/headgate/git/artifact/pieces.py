"""Artifacts in pieces; the next artifact copies the pieces that have not changed.

A gzip file may have several members, one after the other (RFC 1952, section 2.2), which readers concatenate. An
artifact has one member for each piece of its tree, so that the compressed bytes of a piece can be copied from an
earlier artifact instead of compressing it again. The end of a piece depends on the paths and sizes of the files in it,
not on the files before it: an added or removed file changes one or two pieces.

The end of the file has an index in the extra fields of members without content, which readers skip: for each piece its
key, the length of its compressed bytes and their CRC-32. The last member has the offset of the index.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, NamedTuple

from headgate.git.tree.listed import TreeEntry

__all__ = ["COMPRESSION", "Earlier", "Piece", "PieceWriter", "key_of", "member", "pieces", "write_index"]

COMPRESSION = 6
TARGET = 256 * 1024
"""Average bytes of a piece of small files; a larger file is a separate piece."""
MOST = 4 * TARGET
MOST_ENTRIES = 2048
MAX_INDEX = 64 * 1024 * 1024

_TAR_BLOCK = 512
_COPY = 1 << 18
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_WITH_EXTRA = b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff"
_EMPTY = b"\x03\x00" + bytes(8)
"""The compressed empty string, its CRC-32 and its length."""
_EXTRA = struct.Struct("<H2sH")
_INDEX, _END = b"HI", b"HE"
_RECORD = struct.Struct("<32sQI")
_RECORDS = (0xFFFF - 4) // _RECORD.size
_OFFSET = struct.Struct("<Q")
_END_SIZE = len(_WITH_EXTRA) + _EXTRA.size + _OFFSET.size + len(_EMPTY)
_FORMAT = f"1 {COMPRESSION} {zlib.ZLIB_RUNTIME_VERSION}".encode()


class Piece(NamedTuple):
    """The compressed bytes of a piece: where they are in the artifact, how many, and their CRC-32."""

    key: bytes
    offset: int
    length: int
    crc: int


class PieceWriter:
    """Writes to a file; counts and hashes the bytes."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self.digest = hashlib.sha256()
        self.size = 0
        self._start = self._crc = 0

    def write(self, data: bytes) -> None:
        self.digest.update(data)
        self._crc = zlib.crc32(data, self._crc)
        self.size += len(data)
        self._out.write(data)

    def end(self, key: bytes) -> Piece:
        """End a piece, which has all bytes since the end of the previous one."""
        piece = Piece(key, self._start, self.size - self._start, self._crc)
        self._start, self._crc = self.size, 0
        return piece


def pieces(entries: Iterable[TreeEntry]) -> Iterator[list[TreeEntry]]:
    """Yield the entries in pieces, in their order."""
    piece: list[TreeEntry] = []
    size = 0
    for entry in entries:
        if entry.size >= TARGET and piece:
            yield piece
            piece, size = [], 0
        piece.append(entry)
        cost = entry.size + _TAR_BLOCK
        size += cost
        if size >= MOST or len(piece) >= MOST_ENTRIES or cost >= TARGET or _ends(entry.path, cost):
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _ends(path: str, cost: int) -> bool:
    """Return whether a piece ends after this file: pseudorandom, once in ``TARGET`` bytes, the same in every run."""
    chance = zlib.crc32(path.encode("utf-8", "surrogateescape"))
    return chance * TARGET < cost << 32


def key_of(piece: Sequence[TreeEntry], content_id: Callable[[str], str]) -> bytes:
    """Return the key that identifies the compressed bytes of a piece."""
    digest = hashlib.sha256(_FORMAT)
    for entry in piece:
        kind = "d" if entry.is_directory else "x" if entry.is_executable else "f"
        blob = "" if entry.is_directory else content_id(entry.path)
        digest.update(f"\n{kind} {entry.size} {blob} ".encode())
        digest.update(entry.path.encode("utf-8", "surrogateescape"))
        digest.update(b"\0")
    return digest.digest()


def member(content: Iterable[bytes], sink: PieceWriter) -> None:
    """Write one gzip member."""
    sink.write(_HEADER)
    compress, crc, size = zlib.compressobj(COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS), 0, 0
    for chunk in content:
        crc, size = zlib.crc32(chunk, crc), size + len(chunk)
        if data := compress.compress(chunk):
            sink.write(data)
    sink.write(compress.flush() + struct.pack("<II", crc, size & 0xFFFFFFFF))


def write_index(written: Sequence[Piece], sink: PieceWriter) -> None:
    """Write the index of the pieces, which are contiguous from the beginning of the file."""
    start = sink.size
    for first in range(0, len(written), _RECORDS):
        records = written[first : first + _RECORDS]
        sink.write(_without_content(_INDEX, b"".join(_RECORD.pack(p.key, p.length, p.crc) for p in records)))
    sink.write(_without_content(_END, _OFFSET.pack(start)))


def _without_content(kind: bytes, data: bytes) -> bytes:
    return _WITH_EXTRA + _EXTRA.pack(len(data) + 4, kind, len(data)) + data + _EMPTY


class Earlier:
    """The pieces of an earlier artifact; none when it cannot be read or has no index."""

    def __init__(self, file: IO[bytes] | None) -> None:
        self._file = file
        self._pieces: dict[bytes, Piece] = {}
        if file is not None:
            try:
                self._pieces = {piece.key: piece for piece in _index(file)}
            except (OSError, struct.error):
                self._pieces = {}

    def __contains__(self, key: object) -> bool:
        return key in self._pieces

    def copy(self, key: bytes, sink: PieceWriter) -> bool:
        """Write the piece with this key if it exists and is undamaged; return whether it was."""
        piece = self._pieces.get(key)
        if piece is None:
            return False
        crc = 0
        for chunk in self._chunks(piece):
            crc = zlib.crc32(chunk, crc)
        if crc != piece.crc:
            return False
        for chunk in self._chunks(piece):
            sink.write(chunk)
        return True

    def _chunks(self, piece: Piece) -> Iterator[bytes]:
        assert self._file is not None
        self._file.seek(piece.offset)
        left = piece.length
        while left and (chunk := self._file.read(min(left, _COPY))):
            left -= len(chunk)
            yield chunk


def _index(file: IO[bytes]) -> Iterator[Piece]:
    size = file.seek(0, os.SEEK_END)
    if size < _END_SIZE:
        return
    file.seek(size - _END_SIZE)
    data, rest = _extra(file.read(_END_SIZE), _END)
    if data is None or rest:
        return
    (start,) = _OFFSET.unpack(data)
    if not 0 <= size - _END_SIZE - start <= MAX_INDEX:
        return
    file.seek(start)
    rest, offset = file.read(size - _END_SIZE - start), 0
    while rest:
        data, rest = _extra(rest, _INDEX)
        if data is None:
            return
        for key, length, crc in _RECORD.iter_unpack(data):
            if offset + length > start:
                return
            yield Piece(key, offset, length, crc)
            offset += length


def _extra(data: bytes, kind: bytes) -> tuple[bytes | None, bytes]:
    """The extra field of the member without content at the beginning of ``data``, or None, and the remaining bytes."""
    if not data.startswith(_WITH_EXTRA):
        return None, b""
    begin = len(_WITH_EXTRA) + _EXTRA.size
    total, found, length = _EXTRA.unpack_from(data, len(_WITH_EXTRA))
    end = begin + length
    if found != kind or total != length + 4 or data[end : end + len(_EMPTY)] != _EMPTY:
        return None, b""
    return data[begin:end], data[end + len(_EMPTY) :]
