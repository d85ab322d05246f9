"""Caches what was parsed from texts, by their content: many builds read the same files."""

from __future__ import annotations

import threading
from typing import Any

from cachetools import LRUCache


class ContentCache:
    """Values by content id; drops the least recently used when they exceed ``max_bytes`` together.

    Several threads may use it. The cache estimates the size of a value as ``_BYTES_PER_BYTE`` times that of its text.
    """

    _BYTES_PER_BYTE = 8

    def __init__(self, max_bytes: int = 128 * 1024 * 1024) -> None:
        self.max_bytes = max_bytes
        self._entries: LRUCache[tuple[str, str], tuple[Any, int]] = LRUCache(
            max_bytes, lambda entry: entry[1]
        )
        self._lock = threading.Lock()

    def get(self, use: str, content_id: str) -> Any:
        """Return the cached value for a use of a content, or None; the caller must not change it."""
        with self._lock:
            entry = self._entries.get((use, content_id))
        return None if entry is None else entry[0]

    def put(self, use: str, content_id: str, value: Any, text_size: int) -> None:
        """Cache a value made from ``text_size`` bytes; nobody may change it from now on."""
        key, size = (use, content_id), 256 + text_size * self._BYTES_PER_BYTE
        if size > self.max_bytes // 4:
            return
        with self._lock:
            self._entries[key] = (value, size)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """The estimated size of all values in bytes."""
        return int(self._entries.currsize)
