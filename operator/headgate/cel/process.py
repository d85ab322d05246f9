"""One worker process: starts it, sends it requests, and ends it when a request exceeds a limit.

Why a process: anybody who may write a Kustomization may write an expression, and a line of CEL can require a terabyte
(``s.replace('', s).replace('', s)``) or hours. No limit of the library covers all of that; the kernel's limits do. A
request costs about a tenth of a millisecond.

The caller waits for the answer; :mod:`headgate.cel.worker` limits its processor time.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any, Final

import orjson

WALL_SECONDS: Final = 10.0
"""Timeout in seconds for one request on a busy machine."""

_MAIN = "import sys; sys.path[:] = sys.argv[1:]; from headgate.cel.worker import main; main()"


class Exhausted(Exception):
    """The request exceeded a limit; the message says which."""

    def __init__(self) -> None:
        super().__init__("it takes too much time or memory to evaluate")


class Busy(Exception):
    """No answer arrived although the request was within its limits: the machine is busy."""

    def __init__(self) -> None:
        super().__init__("the machine has too little time or memory for its evaluation now")


class WorkerProcess:
    """The worker process as a function from request to answer. Use it from one thread at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The id of the running process, None without one."""
        return None if self._process is None else self._process.pid

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return the worker's answer.

        Raises :class:`Exhausted`, :class:`Busy`, and :class:`OSError` when no process can be started.
        """
        frame = orjson.dumps(request)
        try:
            answer = self._exchange(frame)
        except TimeoutError:
            self.stop()
            raise Busy from None
        except (BrokenPipeError, EOFError):
            killed = self._was_killed()
            self.stop()
            # Too much processor time causes another signal; this one means that the machine lacks memory.
            raise (Busy if killed else Exhausted) from None
        if answer.pop("grown", False):
            # The leftovers of one request must not reduce the memory for the next one.
            self.stop()
        return answer

    def stop(self) -> None:
        """End the process; the next request starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        atexit.unregister(self.stop)
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            # Unsent data is no longer needed.
            with suppress(BrokenPipeError):
                stream.close()

    def _was_killed(self) -> bool:
        try:
            return self._process is not None and self._process.wait(1.0) == -signal.SIGKILL
        except subprocess.TimeoutExpired:
            return False

    def _exchange(self, frame: bytes) -> dict[str, Any]:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(len(frame).to_bytes(4, "big") + frame)
        process.stdin.flush()
        deadline = time.monotonic() + WALL_SECONDS
        size = int.from_bytes(_read(process.stdout.fileno(), 4, deadline), "big")
        answer: dict[str, Any] = orjson.loads(_read(process.stdout.fileno(), size, deadline))
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _MAIN, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
            )
            atexit.register(self.stop)
        return self._process


def _read(descriptor: int, size: int, deadline: float) -> bytes:
    parts = []
    while size:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        part = os.read(descriptor, size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
