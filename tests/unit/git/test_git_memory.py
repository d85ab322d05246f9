"""All Git processes together have a bound of memory, and the largest pays for it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from headgate.git.command.memory import MemoryGuard

PATIENCE = 60.0


def taking(mib: int, *, child: bool = False) -> subprocess.Popen[bytes]:
    """A process that allocates this much memory and waits, perhaps in a child process."""
    program = f"x = bytearray(b'x') * ({mib} << 20); print(1, flush=True); import time; time.sleep(600)"
    command = [sys.executable, "-c", program]
    if child:
        command = ["sh", "-c", '"$@"; true', "sh", *command]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    made: list[subprocess.Popen[bytes]] = []
    yield made
    for process in made:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_the_largest_is_ended_with_all_below_it(processes: list[subprocess.Popen[bytes]]) -> None:
    guard = MemoryGuard(total=150 << 20, look=0.01)
    small, large = taking(20), taking(200, child=True)
    processes += [small, large]
    for process in (small, large):
        guard.watch(process)
    large.wait(PATIENCE)
    assert small.poll() is None
    assert (guard.forget(large), guard.forget(small)) == (True, False)


def test_what_fits_is_left_alone(processes: list[subprocess.Popen[bytes]]) -> None:
    guard = MemoryGuard(total=400 << 20, look=0.01)
    processes += [taking(50), taking(50)]
    for process in processes:
        guard.watch(process)
    ended = subprocess.Popen(["true"], start_new_session=True)
    guard.watch(ended)
    ended.wait(PATIENCE)
    # A look that finds too much would have come by the time that a third has been ended for it.
    strict = MemoryGuard(total=1, look=0.01)
    third = taking(1)
    processes.append(third)
    strict.watch(third)
    third.wait(PATIENCE)
    assert [process.poll() for process in processes[:2]] == [None, None]
    assert not any(guard.forget(process) for process in [*processes[:2], ended])
