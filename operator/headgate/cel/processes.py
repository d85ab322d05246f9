"""A few worker processes for all expressions, shared by namespaces in fair order.

A thread of a pool (:mod:`headgate.fairness.pools`) sends the requests to each process. So the event loop never waits
for it, a namespace with hundreds of costly expressions delays those of another by at most one request, and one
namespace never has all processes.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import Any, Final

from cachetools import TTLCache

from headgate.cel.process import Exhausted, WorkerProcess
from headgate.fairness.pools import Pool

PROCESSES: Final = 2
BANNED: Final = 60.0
"""Seconds for which an expression that ended its process is refused for its namespace."""
MAX_BANNED: Final = 1000

_Identity = tuple[str, bool, str]
"""A refused request: namespace, whether to evaluate (or only compile), and text."""


class Processes:
    """Accepts requests from any thread and returns the answers as futures."""

    def __init__(self, count: int = PROCESSES) -> None:
        self._pool = Pool("expressions", count)
        self._lock = threading.Lock()
        self._free = [WorkerProcess() for _ in range(count)]
        self._banned: TTLCache[_Identity, None] = TTLCache(MAX_BANNED, BANNED, timer=lambda: time.monotonic())
        self._closed = False

    def submit(self, namespace: str, content: dict[str, Any]) -> Future[dict[str, Any]]:
        """Queue a request to the worker (with a ``text``) for a namespace.

        The future raises :class:`Exhausted` (at once for a refused expression), :class:`~headgate.cel.process.Busy`, or
        :class:`OSError` when no process can be started.
        """
        identity = namespace, "data" in content, content["text"]
        if self._is_banned(identity):
            refused: Future[dict[str, Any]] = Future()
            refused.set_exception(Exhausted())
            return refused
        return self._pool.submit(namespace, self._ask, identity, content)

    def close(self) -> None:
        """End all idle processes, and the others after their answer."""
        with self._lock:
            self._closed = True
            free, self._free = self._free, []
        for process in free:
            process.stop()

    def _ask(self, identity: _Identity, content: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            if self._closed:
                raise OSError("the operator is stopping and evaluates no further expressions")
            process = self._free.pop()
        try:
            return process.ask(content)
        except Exhausted:
            self._ban(identity)
            raise
        finally:
            with self._lock:
                if not self._closed:
                    self._free.append(process)
            if self._closed:
                process.stop()

    def _is_banned(self, identity: _Identity) -> bool:
        with self._lock:
            return identity in self._banned

    def _ban(self, identity: _Identity) -> None:
        with self._lock:
            self._banned[identity] = None
