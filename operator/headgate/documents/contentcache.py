"""What was made of texts, kept by what is in them: many builds read the same files."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any


class ContentCache:
    """Values by content id, the least recently used dropped when they exceed ``max_bytes`` together.

    Several threads may use it. The size of a value is taken to be ``_BYTES_PER_BYTE`` times that of the text it was
    made from.
    """

    _BYTES_PER_BYTE = 8

    def __init__(self, max_bytes: int = 128 * 1024 * 1024) -> None:
        self.max_bytes = max_bytes
        self._entries: OrderedDict[tuple[str, str], tuple[Any, int]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, use: str, content_id: str) -> Any:
        """Return the value kept for a use of a content, None when there is none; it must not be changed."""
        entry = self._entries.get((use, content_id))
        if entry is None:
            return None
        with self._lock:
            if (use, content_id) in self._entries:
                self._entries.move_to_end((use, content_id))
        return entry[0]

    def put(self, use: str, content_id: str, value: Any, text_size: int) -> None:
        """Keep a value made from ``text_size`` bytes; from now on it must not be changed."""
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
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._size = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """Bytes that all values are taken to use."""
        return self._size
