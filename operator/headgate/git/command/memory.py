"""Bounds the memory of all Git processes together: when they take too much, the one that takes most is ended.

Each process has a bound of its own, but many may come near theirs at once, when several servers want it so; a container
that runs out of memory ends with all that is in it. Where the kernel does not tell of processes, only the bound of each
holds.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

__all__ = ["MemoryGuard"]

TOTAL = 512 << 20
"""Bytes of memory of all Git processes, without what they share with each other."""
LOOK = 0.25
"""Seconds between two looks, while any process runs."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


class MemoryGuard:
    """See the module's text. Thread-safe; one for all."""

    def __init__(self, total: int = TOTAL, look: float = LOOK) -> None:
        self._total, self._look = total, look
        self._changed = threading.Condition()
        self._watched: set[subprocess.Popen[bytes]] = set()
        self._ended: set[subprocess.Popen[bytes]] = set()
        self._thread: threading.Thread | None = None

    def watch(self, process: subprocess.Popen[bytes]) -> None:
        """Look at a process, which leads a group of its own, and at all it has started, until :meth:`forget`."""
        with self._changed:
            self._watched.add(process)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="git-memory", daemon=True)
                self._thread.start()
            self._changed.notify()

    def forget(self, process: subprocess.Popen[bytes]) -> bool:
        """Look at it no longer; whether it was ended."""
        with self._changed:
            self._watched.discard(process)
            ended = process in self._ended
            self._ended.discard(process)
            return ended

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            with self._changed:
                while not self._watched:
                    self._changed.wait()
            # Most commands have ended before the first look.
            pause.wait(self._look)
            with self._changed:
                watched = list(self._watched)
            sizes = {process: _memory(process.pid) for process in watched}
            if sum(sizes.values()) > self._total:
                self._end(max(sizes, key=lambda process: sizes[process]))

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        with self._changed:
            if process in self._watched and process.returncode is None:
                self._ended.add(process)
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)


def _memory(pid: int) -> int:
    """Bytes of a process and all below it, without what is shared."""
    total = 0
    for each in _family(pid):
        with contextlib.suppress(OSError, ValueError, IndexError):
            resident, shared = Path(f"/proc/{each}/statm").read_text().split()[1:3]
            total += (int(resident) - int(shared)) * _PAGE
    return total


def _family(pid: int) -> Iterator[int]:
    pending = [pid]
    while pending:
        each = pending.pop()
        yield each
        with contextlib.suppress(OSError, ValueError):
            pending += map(int, Path(f"/proc/{each}/task/{each}/children").read_text().split())
