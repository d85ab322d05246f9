"""Processes by a name that is never given to another, and how to end them.

A PID alone names a process badly: it is given to another one later. With the time the process started it is a name
for good, so whatever is killed by a PID file is what that file was written about.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Identity:
    """A process: its PID and when it started, in whatever unit this system tells it."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Identity:
        """The process that has this PID now; ``started`` is empty when there is none."""
        return cls(pid, started(pid))

    def is_running(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return bool(self.started) and started(self.pid) == self.started


def started(pid: int) -> str:
    """When a running process started; "" if it does not exist or is a zombie."""
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return ""
        # The second field, the command's name, may hold spaces and brackets.
        fields = stat.rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    shown = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=1)
    return "" if len(shown) < 2 or shown[0].startswith("Z") else shown[1].strip()


def end(processes: Iterable[Identity], grace: float) -> None:
    """Ask the processes to stop, wait up to ``grace`` seconds, kill those that remain, wait until they are gone."""
    left = _signal(processes, signal.SIGTERM) if grace else list(processes)
    limit = time.monotonic() + grace
    while left and time.monotonic() < limit:
        time.sleep(0.02)
        left = [process for process in left if process.is_running()]
    left = _signal(left, signal.SIGKILL)
    while left:
        time.sleep(0.01)
        left = [process for process in left if process.is_running()]


def _signal(processes: Iterable[Identity], number: signal.Signals) -> list[Identity]:
    running = [process for process in processes if process.is_running()]
    for process in running:
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            continue
    return running
