"""Starts, asks and, where needed, replaces the worker process. One for all expressions, started at the first.

Why a process: an expression comes from anybody who may write a Kustomization, and a line of CEL can ask for a
terabyte (``s.replace('', s).replace('', s)``) or for hours. No limit of the library's covers all of that; the
kernel's do. A request costs about a tenth of a millisecond.

The caller waits for the answer, at most for the processor time that :mod:`headgate.cel.worker` allows. An expression
that ended the worker is not tried again for :data:`BANNED` seconds.
"""

from __future__ import annotations

import atexit
import os
import select
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Any, Final

import orjson

WALL_SECONDS: Final = 10.0
"""For one request, however busy the machine is."""
BANNED: Final = 60.0
"""Seconds for which an expression that ended the worker is refused."""
MAX_BANNED: Final = 1000

_MAIN = "import sys; sys.path[:] = sys.argv[1:]; from headgate.cel.worker import main; main()"


class Exhausted(Exception):
    """The request used up what one may use; the message says so."""

    def __init__(self) -> None:
        super().__init__("it takes too much time or memory to evaluate")


class Guard:
    """The worker process as a function from request to answer. Safe for use by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._banned: dict[str, float] = {}

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The worker's answer. Raises :class:`Exhausted`, and :class:`OSError` when no process can be started."""
        text = request["text"]
        frame = orjson.dumps(request)
        with self._lock:
            until = self._banned.pop(text, None)
            if until is not None and time.monotonic() < until:
                self._banned[text] = until
                raise Exhausted
            try:
                return self._exchange(frame)
            except (BrokenPipeError, EOFError, TimeoutError):
                self._stop()
                self._ban(text)
                raise Exhausted from None

    def close(self) -> None:
        """End the worker; the next request starts another."""
        with self._lock:
            self._stop()

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
            self._stop()
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _MAIN, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
            )
            atexit.register(self.close)
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        atexit.unregister(self.close)
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            # What could not be sent any more is not needed any more.
            with suppress(BrokenPipeError):
                stream.close()

    def _ban(self, text: str) -> None:
        while len(self._banned) >= MAX_BANNED:
            del self._banned[next(iter(self._banned))]
        self._banned[text] = time.monotonic() + BANNED


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


GUARD: Final = Guard()
"""The one that all expressions of this process share."""
