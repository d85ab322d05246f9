"""Caches what was parsed from texts, by their content: many builds read the same files."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any


class ContentCache:
    """Values by content id; drops the least recently used when they exceed ``max_bytes`` together.

    Several threads may use it. The cache estimates the size of a value as ``_BYTES_PER_BYTE`` times that of its text.
    """

    _BYTES_PER_BYTE = 8

    def __init__(self, max_bytes: int = 128 * 1024 * 1024) -> None:
        self.max_bytes = max_bytes
        self._entries: OrderedDict[tuple[str, str], tuple[Any, int]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, use: str, content_id: str) -> Any:
        """Return the cached value for a use of a content, or None; the caller must not change it."""
        entry = self._entries.get((use, content_id))
        if entry is None:
            return None
        with self._lock:
            if (use, content_id) in self._entries:
                self._entries.move_to_end((use, content_id))
        return entry[0]

    def put(self, use: str, content_id: str, value: Any, text_size: int) -> None:
        """Cache a value made from ``text_size`` bytes; nobody may change it from now on."""
        key, size = (use, content_id), 256 + text_size * self._BYTES_PER_BYTE
        if size > self.max_bytes // 4:
            return
        with self._lock:
            old = self._entries.pop(key, None)
            self._size += size - (old[1] if old is not None else 0)
            self._entries[key] = (value, size)
            while self._size > self.max_bytes:
                _, (_, dropped) = self._entries.popitem(last=False)
                self._size -= dropped

    def clear(self) -> None:
        """Drop all values."""
        with self._lock:
            self._entries.clear()
            self._size = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """The estimated size of all values in bytes."""
        return self._size
