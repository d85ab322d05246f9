"""Limits the memory of all Git processes together: when they exceed it, the guard kills the largest one.

Each process has its own limit, but many may approach it at once, for example when several servers provoke it; a
container that runs out of memory ends with all its processes. Where the kernel does not report the memory of processes,
only the limit of each applies.
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
"""Limit in bytes for the memory of all Git processes, without what they share."""
LOOK = 0.25
"""Seconds between two checks while a process runs."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


class MemoryGuard:
    """See the module's text. Thread-safe; one instance for all processes."""

    def __init__(self, total: int = TOTAL, look: float = LOOK) -> None:
        self._total, self._look = total, look
        self._changed = threading.Condition()
        self._watched: set[subprocess.Popen[bytes]] = set()
        self._ended: set[subprocess.Popen[bytes]] = set()
        self._thread: threading.Thread | None = None

    def watch(self, process: subprocess.Popen[bytes]) -> None:
        """Check a process, which leads its own process group, and all its descendants, until :meth:`forget`."""
        with self._changed:
            self._watched.add(process)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="git-memory", daemon=True)
                self._thread.start()
            self._changed.notify()

    def forget(self, process: subprocess.Popen[bytes]) -> bool:
        """Stop checking a process; returns whether the guard killed it."""
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
            # Most commands end before the first check.
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
    """Bytes of a process and all its descendants, without shared memory."""
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
