"""File contents from a bare repository, through ``git cat-file --batch``.

``BlobReader`` answers single reads, or a few together, from any thread through one long-lived process, which the first
read starts; of all readers, only the most recently used few keep their process. ``stream`` reads many blobs in order,
with only a chunk in memory.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from headgate.git.command.process import kill, start
from headgate.git.errors import CacheDamaged, StorageFailed

__all__ = ["BlobReader", "stream"]

MAX_PROCESSES = 8
CHUNK = 1 << 18

_BATCH = ("cat-file", "--batch")
_TOGETHER = 60
"""Limit for the requests before the first answer: their text must fit into the smallest pipe."""


class _Processes:
    """The readers with a running process, least recently used first.

    No LRUCache: the process of the reader that is dropped has to end, outside the lock.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._alive: OrderedDict[BlobReader, None] = OrderedDict()

    def used(self, reader: BlobReader) -> None:
        """Record a use; with too many processes, the least recently used reader loses its own."""
        with self._lock:
            self._alive[reader] = None
            self._alive.move_to_end(reader)
            surplus = [next(iter(self._alive))] if len(self._alive) > self._limit else []
            for idle in surplus:
                del self._alive[idle]
        for idle in surplus:
            idle.release()

    def ended(self, reader: BlobReader) -> None:
        with self._lock:
            self._alive.pop(reader, None)


_processes = _Processes(MAX_PROCESSES)


class BlobReader:
    """Reads blobs of one repository by id. Thread-safe; ``close`` ends its process."""

    def __init__(self, repository: Path) -> None:
        self._repository = repository
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def read(self, blob: str) -> bytes:
        """Return a blob's content; raises :class:`StorageFailed` when the repository does not have it."""
        with self._lock:
            if self._closed:
                raise StorageFailed("the tree has been closed")
            try:
                content = self._ask(blob)
            except (OSError, EOFError):
                # Something killed the process, or the repository was created again.
                self._end()
                try:
                    content = self._ask(blob)
                except (OSError, EOFError):
                    self._end()
                    raise StorageFailed("the repository cache cannot be read") from None
        _processes.used(self)
        return content

    def read_all(self, blobs: Sequence[str]) -> list[bytes]:
        """Return the contents of blobs, faster than one by one; raises :class:`StorageFailed` if one is missing."""
        found: list[bytes] = []
        with self._lock:
            if self._closed:
                raise StorageFailed("the tree has been closed")
            try:
                for start_at in range(0, len(blobs), _TOGETHER):
                    found += self._ask_all(blobs[start_at : start_at + _TOGETHER])
            except (OSError, EOFError):
                self._end()
                raise StorageFailed("the repository cache cannot be read") from None
            except CacheDamaged:
                # The other answers are still on their way.
                self._end()
                raise
        _processes.used(self)
        return found

    def release(self) -> None:
        """End the process; the next read starts a new one."""
        with self._lock:
            self._end()

    def close(self) -> None:
        """End the process and refuse further reads."""
        with self._lock:
            self._closed = True
            self._end()
        _processes.ended(self)

    def _ask(self, blob: str) -> bytes:
        return self._ask_all([blob])[0]

    def _ask_all(self, blobs: Sequence[str]) -> list[bytes]:
        if self._process is None:
            self._process = start(_BATCH, git_dir=self._repository, with_input=True)
        request, answer = self._process.stdin, self._process.stdout
        if request is None or answer is None:
            raise EOFError
        request.write("".join(f"{blob}\n" for blob in blobs).encode())
        request.flush()
        found = []
        for blob in blobs:
            size = _size(answer, blob)
            content = answer.read(size + 1)
            if len(content) != size + 1 or content[-1:] != b"\n":
                raise EOFError
            found.append(content[:-1])
        return found

    def _end(self) -> None:
        if self._process is not None:
            kill(self._process)
            self._process = None


def stream(repository: Path, blobs: Sequence[str]) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Yield, for each blob in order, its size in bytes and its content in chunks.

    Consume the chunks of one blob before requesting the next. Raises :class:`StorageFailed`.
    """
    process = start([*_BATCH, "--buffer"], git_dir=repository, with_input=True)
    try:
        request, answer = process.stdin, process.stdout
        if request is None or answer is None:
            raise StorageFailed("the repository cache cannot be read")
        feeder = threading.Thread(target=_feed, args=(request, blobs), name="git-blobs", daemon=True)
        feeder.start()
        for blob in blobs:
            size = _size(answer, blob)
            yield size, _chunks(answer, size)
            if answer.read(1) != b"\n":
                raise StorageFailed("the repository cache cannot be read")
        feeder.join()
    except EOFError:
        raise StorageFailed("the repository cache cannot be read") from None
    finally:
        kill(process)


def _feed(request: IO[bytes], blobs: Sequence[str]) -> None:
    with contextlib.suppress(OSError, ValueError), request:
        for blob in blobs:
            request.write(f"{blob}\n".encode())


def _size(answer: IO[bytes], blob: str) -> int:
    header = answer.readline().split()
    if not header:
        raise EOFError
    if len(header) != 3 or header[1] != b"blob":
        raise CacheDamaged(f"the repository cache lacks the object {blob}")
    return int(header[2])


def _chunks(answer: IO[bytes], size: int) -> Iterator[bytes]:
    while size:
        chunk = answer.read(min(size, CHUNK))
        if not chunk:
            raise EOFError
        size -= len(chunk)
        yield chunk
