"""Records a process and everything it starts: arguments, environments, and the files that they write.

It samples ``/proc`` every few milliseconds, so it sees a process that lives for milliseconds in most of its runs. Linux
only.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.processes import descendants

PAUSE = 0.004
"""Seconds between two samples."""
_LARGEST = 8 * 1024 * 1024


class ProcessRecorder:
    """Records while it is entered, everything as raw bytes."""

    def __init__(self, pid: int, *folders: Path) -> None:
        self._pid, self._folders = pid, folders
        self.arguments: set[bytes] = set()
        self.environments: dict[bytes, set[bytes]] = {}
        """By the name of the program."""
        self.files: dict[Path, set[bytes]] = {}
        self._seen: dict[Path, tuple[int, int]] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()
        self._look_at_files()

    def _run(self) -> None:
        looked = 0.0
        while not self._end.wait(PAUSE):
            for pid in itertools.chain((self._pid,), descendants(self._pid)):
                self._look_at(pid)
            if time.monotonic() - looked > 10 * PAUSE:
                self._look_at_files()
                looked = time.monotonic()

    def _look_at(self, pid: int) -> None:
        with contextlib.suppress(OSError):
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            self.arguments.add(arguments)
            program = arguments.split(b"\0")[0].rpartition(b"/")[2]
            if program:  # else it is just starting, and the next sample has its name
                self.environments.setdefault(program, set()).add(environment)

    def _look_at_files(self) -> None:
        for path in (
            Path(where, name) for each in self._folders for where, _, names in os.walk(each) for name in names
        ):
            with contextlib.suppress(OSError):
                state = path.stat()
                mark = (state.st_mtime_ns, state.st_size)
                if path.is_file() and self._seen.get(path) != mark and state.st_size <= _LARGEST:
                    self._seen[path] = mark
                    self.files.setdefault(path, set()).add(path.read_bytes())
