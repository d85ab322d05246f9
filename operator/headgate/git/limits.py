"""Limits on the size of one source. Pure.

A commit of a few KiB can have millions of paths, because a tree may contain another one many times, and a small pack
can expand to many GiB. So the number of paths is checked while Git lists them, and sizes before reading.
"""

from __future__ import annotations

from dataclasses import dataclass

from headgate.git.errors import SourceTooLarge

__all__ = ["DEFAULT_LIMITS", "GIT_MEMORY", "Count", "TreeLimits", "check_path"]

GIT_MEMORY = 384 << 20
"""Limit in bytes for the memory of one Git process: through deltas, a small pack can require any amount."""
MAX_NAME = 255
MAX_PATH = 4096
"""The limit of file systems: a longer path could not be checked out either."""
MAX_DEPTH = 256
PATH_BYTES = 160
"""Bytes of an average path, generous: ``entries`` times this is the limit for all paths together."""


@dataclass(frozen=True, slots=True)
class TreeLimits:
    """Limits of one source."""

    entries: int = 200_000
    """Files and directories (``--max-source-entries``), about 120 bytes of memory each."""
    size: int = 2 << 30
    """Bytes of the files that are not ignored, and of the fetched pack (``--max-source-size``)."""

    @property
    def path_bytes(self) -> int:
        """Limit in bytes for all paths together."""
        return self.entries * PATH_BYTES

    def count(self) -> Count:
        """Start counting."""
        return Count(self)


DEFAULT_LIMITS = TreeLimits()


class Count:
    """The size of a source so far; each addition raises :class:`SourceTooLarge` above a limit."""

    def __init__(self, limits: TreeLimits) -> None:
        self._limits = limits
        self._entries = self._path_bytes = self._size = 0

    def add(self, entries: int, path_bytes: int) -> None:
        """Add entries; ``path_bytes`` is the total length of their paths."""
        self._entries += entries
        self._path_bytes += path_bytes
        if self._entries > self._limits.entries:
            raise SourceTooLarge(
                f"the repository has more than {self._limits.entries} files and directories; name what is needed in "
                "spec.sparseCheckout, or raise the operator's --max-source-entries"
            )
        if self._path_bytes > self._limits.path_bytes:
            raise SourceTooLarge(
                f"the paths of the repository have more than {self._limits.path_bytes} bytes together; name what is "
                "needed in spec.sparseCheckout, or raise the operator's --max-source-entries"
            )

    def add_file(self, size: int) -> None:
        """Add the content of a file that is not ignored."""
        self._size += size
        if self._size > self._limits.size:
            raise SourceTooLarge(
                f"the files of the repository have more than {self._limits.size} bytes; leave out what is "
                "not needed with spec.ignore or a .sourceignore, or raise the operator's --max-source-size"
            )


def check_path(path: str) -> None:
    """Raise :class:`SourceTooLarge` for a path that no file system accepts."""
    if len(path) > MAX_NAME // 4 and (
        len(path.encode("utf-8", "surrogateescape")) > MAX_PATH
        or max(len(name.encode("utf-8", "surrogateescape")) for name in path.split("/")) > MAX_NAME
    ):
        raise SourceTooLarge(
            f"the path '{path[:80]}…' is longer than {MAX_PATH} bytes, or a name in it is longer than {MAX_NAME}"
        )
    if path.count("/") >= MAX_DEPTH:
        raise SourceTooLarge(f"the path '{path[:80]}…' is nested deeper than {MAX_DEPTH} directories")
