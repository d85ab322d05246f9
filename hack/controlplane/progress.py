"""Progress for people: one line redrawn on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

QUIET = 20.0
"""Seconds between lines where nothing can be redrawn (a CI log)."""


class Progress:
    """Shows what happens and for how long; the lines of ``say`` stay, the next one replaces a line of ``update``."""

    def __init__(self, stream: TextIO | None = None, quiet: bool = False) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._quiet = quiet
        self._drawn = False
        self._last = 0.0

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._quiet:
            return
        self._erase()
        print(text, file=self._stream, flush=True)
        self._last = time.monotonic()

    def update(self, text: str) -> None:
        """The state of now; replaces the last one on a terminal."""
        if self._quiet:
            return
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write("\r\x1b[K" + text[:width])
            self._stream.flush()
            self._drawn = True
        elif time.monotonic() - self._last >= QUIET:
            self.say(text)

    def _erase(self) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._drawn = False


def elapsed(since: float) -> str:
    """The time since a ``time.monotonic()``, as ``12s`` or ``3m05s``."""
    seconds = int(time.monotonic() - since)
    return f"{seconds}s" if seconds < 60 else f"{seconds // 60}m{seconds % 60:02d}s"
